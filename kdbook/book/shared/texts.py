"""Steps that the experiments with language models share: build, read and score them."""

from collections.abc import Mapping

import torch
from torch import nn

from kdbook.data import tasks
from kdbook.data.wordpiece import Tokens, encode, load_corpus
from kdbook.lab import Tools, Trial
from kdbook.lab.steps import matmul_limit, percent_right, seeded
from kdbook.nets.bert import Bert
from kdbook.training import History, predict
from kdbook.training.masked import mask_tokens, masked_rows

NET = ("kind", "layers", "width", "heads")
HELD_OUT = 3_000  # definitions on which masked language modelling is scored
TEST = 2_000  # texts of a task's test part


def seeded_bert(trial: Trial, task: tasks.Task | None = None, **changes) -> Bert:
    """Fresh model of a trial's settings and `changes`, with a task's classifier; weights depend on the seed only."""
    asked = {} if task is None else {"classes": task.classes, "pair": task.pair}
    with seeded(trial.seed):
        return Bert(**{key: trial.settings[key] for key in NET if key in trial.settings} | changes, **asked)


def stored_bert(trial: Trial, tools: Tools, task: tasks.Task | None = None, prefix: str = "") -> Bert:
    """A needed trial's model; for a task a classifier, whose head is fresh unless it was stored."""
    model = seeded_bert(trial, task)
    given = {k.removeprefix(prefix): v for k, v in tools.tensors(trial).items() if k.startswith(prefix)}
    missing, unexpected = model.load_state_dict(given, strict=False)
    if unexpected or set(missing) - {"head.weight", "head.bias"}:
        raise ValueError(f"{trial.name} holds another model: {[*missing, *unexpected][:3]}")
    return model.to(tools.device).eval()


def corpus(settings: Mapping, tools: Tools) -> Tokens:
    """The definitions that a stage is pre-trained on: the first `samples` of its `part`, encoded once a process."""
    part, samples, bucket = settings.get("part", "train"), settings["samples"], settings["batch_size"]
    return tools.remember(("corpus", part, samples, bucket), lambda: load_corpus(part, samples, bucket))


@torch.no_grad()
def masked_scores(model: Bert, tools: Tools, part: str = "test", samples: int = HELD_OUT) -> dict:
    """Cross entropy (nats) and accuracy (%) at hidden tokens of held-out texts; the same ones for every model."""
    split = tools.remember(("held out", part, samples), lambda: load_corpus(part, samples, 100)).to(tools.device)
    rows = (split.x > 0).sum(1).argsort(stable=True)
    loss = right = count = 0
    with seeded(2019):
        for x, _ in split.batches(rows, None, 100):
            shown, labels = mask_tokens(x, model.vocabulary)
            last, at = model.hidden(shown)[-1], labels >= 0
            found = int(at.sum())
            loss += float(masked_rows(model, last, labels).mean()) * found
            right += int((model.words(last[at]).argmax(-1) == labels[at]).sum())
            count += found
    return {"masked_loss": loss / count, "masked_accuracy": 100 * right / count}


def task_split(name: str, part: str, limit: int | None, bucket: int, tools: Tools) -> Tokens:
    """A task's texts as tokens with their labels, encoded once a process."""

    def make():
        texts, labels = tasks.load(name, part, limit)
        x = encode(texts)
        return Tokens(x, labels, torch.arange(len(x)), bucket=bucket)

    return tools.remember(("task", name, part, limit, bucket), make).to(tools.device)


def accuracy(model: nn.Module, split: Tokens) -> float:
    """Right answers in %, asked in the order of length."""
    by_length = split.rows((split.x > 0).sum(1).argsort(stable=True))
    return percent_right(predict(model, by_length, batch_size=200).logits, by_length.y)


def score_rows(scores: Mapping[str, float]) -> list[dict]:
    """A row a task, and one for the macro average."""
    return [{"task": t, "score": s} for t, s in {**scores, "macro": tasks.macro(scores)}.items()]


def pace(model: Bert, split: Tokens, history: History, share: float) -> dict:
    """Tokens a second of a masked language model's training, and the share of the matrix-multiply limit it reaches.

    A pass forward and back is three multiply-adds a token and weight of the layers; words are computed for the hidden
    tokens alone, a `share` of all.
    """
    speed = len(history.epochs) * int((split.x > 0).sum()) / history.seconds
    layers = sum(p.numel() for p in model.layers.parameters() if p.ndim == 2)
    width = model.net.get_input_embeddings().weight.shape[1]
    words = share * (width * model.vocabulary + width**2)
    return {"tokens_per_second": speed, "matmul_share": 100 * 3 * (layers + words) * speed / matmul_limit()}
