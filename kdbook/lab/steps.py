"""Steps that many questions share: build a trial's network, train it, read a stored one, score it on a test set."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from timeit import Timer

import torch
from torch import Tensor, nn

from kdbook.data.images import VIEWS, Split, load_images
from kdbook.lab.tools import Tools
from kdbook.lab.trial import Trial
from kdbook.nets import network
from kdbook.nets.vision import count_parameters
from kdbook.training.cohort import StackedMLP, stack
from kdbook.training.loop import History, adam, falling, fit, one_cycle, sgd
from kdbook.training.objectives import Distillation, HardLabels
from kdbook.training.report import errors, expected_calibration_error, fidelity  # noqa: F401, questions take them here
from kdbook.training.teachers import CachedTeacher, LiveTeacher, predict

CACHE_PAYS = 22  # student epochs after which the answers to all 25 shifts have paid; 18 on some machines


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Context in which torch draws from a seed of its own; what comes after draws as if nothing had been drawn."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def seeded_network(trial: Trial) -> nn.Module:
    """Fresh network whose weights depend on the trial's seed only, so that arms of one seed start alike."""
    with seeded(trial.seed):
        return network(trial.settings)


def stored_network(trial: Trial, tools: Tools) -> nn.Module:
    """The trained network of a needed trial, in eval mode."""
    model = network(trial.settings)
    model.load_state_dict(tools.tensors(trial))
    return model.to(tools.device).eval()


def training_split(trial: Trial, tools: Tools) -> Split:
    """Training images of a trial: its `part`, the first `samples` of it, through all shifts when `shifts` is set."""
    split = load_images(trial.data, trial.settings.get("part", "train"), tools.device)
    if samples := trial.settings.get("samples"):
        split = split.rows(slice(samples))
    return split.shifted() if trial.settings.get("shifts") else split


def test_split(trial: Trial, tools: Tools) -> Split:
    """Images that the trial is scored on: `scored_on`; else validation images for part ``fit``, else the test set."""
    tuned = "validation" if trial.settings.get("part") == "fit" else "test"
    return load_images(trial.data, trial.settings.get("scored_on", tuned), tools.device)


def cached_teacher(teacher: Trial, split: Split, tools: Tools, layers: tuple[int, ...] = ()) -> CachedTeacher:
    """The stored teacher's logits for a split (and its orbit when the split is shifted), computed once a process."""
    key = ("cached_teacher", layers, *_asked(teacher, split))
    return tools.remember(key, lambda: CachedTeacher.of(stored_network(teacher, tools), split, layers))


def teacher_answers(teacher: Trial, split: Split, tools: Tools) -> Tensor:
    """The stored teacher's logits for a test split, computed once a process for all its students."""
    key = ("answers", *_asked(teacher, split))
    return tools.remember(key, lambda: predict(stored_network(teacher, tools), split).logits)


def _asked(teacher: Trial, split: Split) -> tuple:
    """Who is asked about which images: what tells remembered answers apart."""
    return teacher.id, split.origin, split.views, len(split), int(split.index.sum())


def cohort_teacher(trials: Sequence[Trial], split: Split, tools: Tools) -> CachedTeacher:
    """The stored teachers of a cohort's trials, each asked once for all its students."""
    teachers = [*dict.fromkeys(trial.needs[0] for trial in trials)]
    logits = torch.stack([cached_teacher(teacher, split, tools).logits for teacher in teachers])  # (K, V, N, C)
    place = {teacher: at for at, teacher in enumerate(teachers)}
    whose = torch.tensor([place[trial.needs[0]] for trial in trials])
    return CachedTeacher(logits, split.index, origin=split.origin, whose=whose)


def objective_for(trial: Trial, split: Split, tools: Tools):
    """Hard labels, or distillation when the trial's settings name a temperature."""
    s = trial.settings
    if "temperature" not in s:
        return HardLabels(s.get("label_smoothing", 0.0))
    if split.views > 1 and s["epochs"] < CACHE_PAYS:
        teacher = LiveTeacher(stored_network(trial.needs[0], tools))
    else:
        teacher = cached_teacher(trial.needs[0], split, tools)
    return Distillation(teacher, temperature=s["temperature"], alpha=s["alpha"])


def train(
    trial: Trial,
    split: Split,
    objective,
    tools: Tools,
    model: nn.Module | None = None,
    watch=None,
    *,
    settings: Mapping | None = None,
    stage: str = "checkpoint",
    seed: int | Sequence[int] | None = None,
) -> tuple[nn.Module, History]:
    """Train a trial's network with its own epochs, batch size and learning rate; last epoch, never the best.

    Parameters
    ----------
    trial : Trial
        Its settings hold `epochs`, `batch_size` and `lr`.
    split : Split
        Training samples.
    objective : callable
        As for `fit`.
    tools : Tools
        Device, checkpoint and progress.
    model : nn.Module, optional
        Default: the trial's own network, fresh. Nets of one list step together, and with SGD each as it would alone.
    watch : callable, optional
        Called with the model after every epoch; such a training is not checkpointed, as what `watch` saw would be lost.
    settings : mapping, optional
        `epochs`, `batch_size` and `lr` of one of several stages; default: the trial's. SGD, or Adam for
        ``optimizer: adam``; one cycle of the rate, or one that is `falling` after the epochs of `falls`; layers compute
        in float32, or as `autocast` says, such as ``bfloat16``.
    stage : str
        Name of the checkpoint, another for each stage.
    seed : int or sequence of int, optional
        Of order, shifts and dropout; default: the trial's. One a student of a `split.drawn` cohort.

    Returns
    -------
    model : nn.Module, in eval mode
    history : History
    """
    model = seeded_network(trial) if model is None else model
    show, s = tools.progress(trial), settings or trial.settings
    optimizer = adam(s["lr"]) if s.get("optimizer") == "adam" else sgd(s["lr"], weight_decay=s.get("weight_decay", 0.0))

    def progress(epoch: int, epochs: int) -> None:
        if watch:
            watch(model)
        show(epoch, epochs)

    history = fit(
        model,
        objective,
        split,
        epochs=s["epochs"],
        batch_size=s["batch_size"],
        optimizer=optimizer,
        schedule=falling(s["falls"], s["epochs"]) if "falls" in s else one_cycle,
        seed=trial.seed if seed is None else seed,
        device=tools.device,
        autocast=getattr(torch, s["autocast"]) if "autocast" in s else None,
        checkpoint=None if watch else tools.checkpoint(trial, stage),
        progress=progress,
    )
    if settings is None and "kept" in trial.settings:  # whole: who loads what travels has the net that was measured
        model.load_state_dict(kept_tensors(model, trial))
    tools.seconds_before += sum(epoch["seconds"] for epoch in history.epochs[: history.resumed])
    return model, history


def train_seeds(trials: Sequence[Trial], split: Split, objective, tools: Tools) -> tuple[StackedMLP, History]:
    """Train a cohort of all seeds as one model, in eval mode, with its history, summed over the nets.

    Each begins, and meets the samples of the split (or of its own draw of a `split.drawn`), in the order and the shifts
    that it would have alone. Dropout is refused, unless the setting `masks` says that the masks of all are drawn at
    once.
    """
    if split.chosen is None:
        split = split.drawn(torch.arange(len(split)).expand(len(trials), -1))
    cohort = stack([seeded_network(trial) for trial in trials], masks="masks" in trials[0].settings)
    return train(trials[0], split, objective, tools, cohort, seed=[trial.seed for trial in trials])


def train_stage(
    model: nn.Module, objective, split: Split, stage: str, settings: Mapping, trial: Trial, tools: Tools
) -> History:
    """Train a language model with a stage's own `epochs`, `batch_size` and `lr` (Adam), by `train`."""
    settings = {**settings, "optimizer": "adam"}
    return train(trial, split, objective, tools, model, settings=settings, stage=stage)[1]


def weights(model: nn.Module) -> dict[str, Tensor]:
    """A model's tensors, each with memory of its own: BERT's word predictor shares its embeddings."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def one_view_each(split: Split) -> Tensor:
    """One fixed random shift for each image of a split: the shifted test set, the same for every trial."""
    return torch.randint(VIEWS, (len(split),), generator=torch.Generator().manual_seed(2015)).to(split.x.device)


def percent_right(logits: Tensor, y: Tensor) -> float:
    """Top-1 accuracy in %."""
    return 100 * float((logits.argmax(-1) == y).float().mean())


def scores(model: nn.Module, trial: Trial, tools: Tools) -> dict:
    """Test errors and size of a trained net, and of a student its fidelity to its teacher besides."""
    split = test_split(trial, tools)
    logits = predict(model, split).logits
    row = {"test_errors": errors(logits, split.y), "parameters": count_parameters(model)}
    for teacher in trial.needs:
        row |= {"teacher_seed": teacher.seed, **fidelity(logits, teacher_answers(teacher, split, tools))}
    return row


def splits(trial: Trial, tools: Tools) -> tuple[Split, Split]:
    """What a trial learns from, and what it is scored on."""
    return training_split(trial, tools), test_split(trial, tools)


def train_and_score(trial: Trial, tools: Tools) -> tuple[nn.Module, History, dict]:
    """The trial's own network, trained as its settings say, its history, and what `scores` measures of it."""
    split = training_split(trial, tools)
    model, history = train(trial, split, objective_for(trial, split, tools), tools)
    untaught = {"teacher_seed": None, "agreement": None, "mean_kl": None}
    return model, history, untaught | scores(model, trial, tools)


def kept_tensors(model: nn.Module, trial: Trial) -> dict[str, Tensor]:
    """A net's tensors in the precision in which its trial keeps them."""
    dtype = getattr(torch, trial.settings.get("kept", "float32"))
    return {k: v.to(dtype) for k, v in weights(model).items()}


class BestEpoch:
    """What `train` may watch to stop early: a score by epoch, and the net as it was at the (last) best one.

    Parameters
    ----------
    score : callable
        Model -> its score on validation data, the higher the better.
    """

    def __init__(self, score):
        self.score, self.curve, self.model, self.epoch = score, [], None, 0

    def __call__(self, model: nn.Module) -> None:
        self.curve.append(self.score(model))
        if self.curve[-1] == max(self.curve):
            self.model, self.epoch = copy.deepcopy(model), len(self.curve)


def matmul_limit(size: int = 768) -> float:
    """Multiply-adds a second of a square matrix product in this process: what training is to be measured by."""
    a = torch.randn(size, size)
    count, seconds = Timer(lambda: a @ a).autorange()
    return count * size**3 / seconds
