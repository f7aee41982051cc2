"""One right call of every public function of the losses, found in the modules themselves: a new one without fails."""

import importlib
import inspect
import pkgutil
import types

import torch
from torch import nn

import kdbook.losses
from kdbook.losses.relation import ContrastiveMemory

FILES = [file.name for file in pkgutil.iter_modules(kdbook.losses.__path__) if file.name != "checks"]
PUBLIC = {
    name: found
    for module in (importlib.import_module(f"kdbook.losses.{name}") for name in FILES)
    for name, found in vars(module).items()
    if isinstance(found, types.FunctionType) and found.__module__ == module.__name__ and not name.startswith("_")
}
LOSSES = {name: f for name, f in PUBLIC.items() if "reduction" in inspect.signature(f).parameters}
MASKED = {name: f for name, f in LOSSES.items() if any(p.startswith("mask") for p in inspect.signature(f).parameters)}
BY_RELATION = {"relational_distance": 2, "relational_angle": 3} | dict.fromkeys(
    ("similarity_preserving", "correlation_congruence", "probabilistic_transfer"), 2
)  # examples that a relation needs
LENGTHS = (5, 2, 4, 3)  # of texts of up to five tokens


def right(name: str, *, rows: int = 4, classes: int = 6, dtype: torch.dtype = torch.float64, seed: int = 0) -> dict:
    """Arguments that a public function takes, by name."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return 2 * torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    def whole(*shape, below=classes):
        return torch.randint(below, shape, generator=generator)

    def texts(width):
        return draw(rows, 5, width)

    def pair(*shape, names="f_s f_t"):
        return dict(zip(names.split(), (draw(*shape), draw(*shape)), strict=True))

    def logits(*names):
        return {n: draw(rows, classes) for n in names or ("student_logits", "teacher_logits")}

    mask = torch.arange(5) < torch.tensor([LENGTHS[i % 4] for i in range(rows)])[:, None]
    words = {"s": texts(classes), "t": texts(classes), "mask": mask}
    states, scores = (texts(4), texts(4)), (draw(rows, 2, 5, 5), draw(rows, 2, 5, 5))
    labels, maps = {"labels": whole(rows)}, (rows, 3, 4, 4)
    masked = torch.full((rows, 5), -1)
    masked[:, 0] = whole(rows)
    top = draw(rows, classes).double().log_softmax(-1).topk(2)
    table = {
        "soft_targets": lambda: logits("logits") | {"temperature": 2.0},
        "standardized_logits": lambda: logits("logits"),
        "entropy_bits": lambda: {"probabilities": draw(rows, classes).float().softmax(-1)},
        "hard_loss": lambda: logits("student_logits") | labels,
        "soft_cross_entropy": lambda: logits() | {"temperature": 2.0},
        "kd_loss": lambda: logits() | labels | {"temperature": 2.0, "alpha": 0.5},
        "logit_matching": logits,
        "dkd_loss": lambda: logits() | labels | {"temperature": 2.0},
        "mutual_loss": lambda: {"logits_list": [draw(rows, classes), draw(rows, classes)]} | labels,
        "born_again_loss": lambda: logits() | labels | {"alpha": 0.5},
        "progressive_targets": lambda: labels | {"last_probs": draw(rows, classes).double().softmax(-1), "a_t": 0.5},
        "deep_to_shallow_loss": lambda: (
            {"branch_logits": [draw(rows, classes), draw(rows, classes)], "temperature": 2.0, "alpha": 0.5, "beta": 0.5}
            | {"branch_feats": [draw(rows, 3), draw(rows, 3)]}
            | labels
        ),
        "hint_loss": lambda: {"f_s": draw(rows, 4), "f_t": draw(rows, 3), "regressor": line(4, 3, dtype)},
        "attention_map": lambda: {"features": draw(*maps)},
        "attention_transfer": lambda: pair(*maps),
        **{name: lambda: pair(rows, 4) for name in BY_RELATION},
        "dist_loss": lambda: logits() | {"temperature": 2.0},
        "flow_of_solution": lambda: pair(*maps, names="f_in_s f_out_s") | pair(*maps, names="f_in_t f_out_t"),
        "contrastive_distillation": lambda: (
            pair(rows, 4, names="g_s g_t") | {"index": torch.arange(rows), "memory": memory()}
        ),
        "token_kd": lambda: words | {"temperature": 2.0},
        "reverse_kl": lambda: words,
        "generalized_jsd": lambda: words | {"beta": 0.3},
        "total_variation": lambda: words,
        "universal_logit_distillation": lambda: (
            {"s": words["s"], "t": texts(classes + 1), "mask_s": mask, "mask_t": mask.flip(0)}
        ),
        "sparse_kl": lambda: {"s": draw(rows, classes), "top_log_probs": top.values, "top_indices": top.indices},
        "token_mean": lambda: {"values": draw(rows, 5), "mask": mask},
        "attention_score_loss": lambda: {"scores_s": scores[0], "scores_t": scores[1], "mask": mask},
        "hidden_state_loss": lambda: (
            {"hidden_s": states[0], "hidden_t": texts(3), "mask": mask, "proj": line(4, 3, dtype)}
        ),
        "transformer_layer_loss": lambda: (
            {"scores_s": [scores[0]], "scores_t": [scores[1]], "hidden_s": [states[0]], "hidden_t": [states[1]]}
            | {"mask": mask}
        ),
        "cosine_hidden_loss": lambda: {"hidden_s": states[0], "hidden_t": states[1], "mask": mask},
        "masked_lm_distillation": lambda: words | {"labels": masked, "hidden_s": states[0], "hidden_t": states[1]},
        "layer_map": lambda: {"student_layers": 2, "teacher_layers": 4},
    }
    return table[name]()


def line(wide: int, narrow: int, dtype: torch.dtype) -> nn.Linear:
    """A regressor of always the same weights, in float32 beside half features, as under autocast."""
    torch.manual_seed(0)
    return nn.Linear(wide, narrow).to(torch.float64 if dtype == torch.float64 else torch.float32)


def memory() -> ContrastiveMemory:
    """A memory of twenty rows, whose next draw is always the same."""
    torch.manual_seed(0)
    return ContrastiveMemory.random(20, 4, 3)


def learned(given: dict) -> list[torch.Tensor]:
    """What receives a gradient: the student's tensors, and the weights of a net among the arguments."""
    names = ("student_logits", "logits_list", "branch_logits", "branch_feats", "f_s", "f_in_s", "f_out_s", "g_s", "s")
    found = []
    for name in (*names, "hidden_s", "scores_s"):
        values = given.get(name, [])
        found += [values] if isinstance(values, torch.Tensor) else values
    nets = [net for net in given.values() if isinstance(net, nn.Module)]
    return found + [weight for net in nets for weight in net.parameters()]


def changed(given: dict, change) -> dict:
    """The arguments with every floating-point tensor, also within lists, replaced by `change(name, tensor)`."""

    def each(name, value):
        if isinstance(value, list):
            return [each(name, one) for one in value]
        is_number = isinstance(value, torch.Tensor) and value.is_floating_point()
        return change(name, value) if is_number else value

    return {name: each(name, value) for name, value in given.items()}


def value_and_gradients(loss, given: dict, half: torch.dtype | None = None) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """A loss, under autocast to `half` where one is given, and the gradients of what is learned."""
    given = changed(given, lambda name, values: values.detach().clone().requires_grad_())
    wanted = learned(given)
    for weight in wanted:
        weight.grad = None
    torch.manual_seed(0)  # the negatives of a memory
    with torch.autocast("cpu", dtype=half, enabled=half is not None):
        value = loss(**given)
    value.sum().backward()  # outside, as torch's own guide has it
    return value.detach(), [weight.grad for weight in wanted if weight.grad is not None]
