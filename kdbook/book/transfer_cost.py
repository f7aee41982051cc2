"""What does each type of knowledge cost? Seconds a step beside plain KD, and what must be kept in memory besides.

All methods take turns in one process, so that a busy machine slows them alike.
"""

from collections.abc import Callable
from dataclasses import replace
from statistics import median

from torch import Tensor, nn

from kdbook.book import which_knowledge
from kdbook.book.shared.timings import in_turn
from kdbook.book.which_knowledge import LAYERS, METHODS, drawn, with_term
from kdbook.data.images import CENTRE_VIEW, Split
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import cached_teacher, seeded_network, stored_network, training_split
from kdbook.nets.vision import count_bytes
from kdbook.show import SOFT, TEACHER, figure, yours
from kdbook.training import Batch, Distillation, LiveTeacher, sgd

VERSION = 2
DATA = which_knowledge.DATA
SEEDS = {"full": (3, 0), "quick": (1, 0)}  # repetitions; the teachers are those of `which_knowledge`
COLUMNS = columns(
    "arm seed method relative_time images_per_second extra_bytes",
    arm="always cost",
    seed="number of the repetition",
    method="what the student learns from besides labels; kd: a cached teacher, kd_live: one asked at every step",
    relative_time="seconds of a training step / those of plain KD with a cached teacher, median of the rounds",
    images_per_second="128 / median seconds of a step",
    extra_bytes="cached features, regressors and memories besides the student and the cached logits",
)
IMAGES = 128  # of a step


def arms(profile: str) -> dict[str, Arm]:
    """One measurement of all methods."""
    settings = {**which_knowledge.arms(profile)["kd"].settings, "rounds": 6 if profile == "quick" else 40}
    return {"cost": Arm("cost", settings={**settings, "profile": profile}, needs=("which_knowledge/teacher",))}


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Time the steps of all methods, one a round each."""
    (trial,) = trials
    split, students = drawn(trial, training_split(trial, tools)), which_knowledge.arms(trial.settings["profile"])
    teacher = cached_teacher(trial.needs[0], split, tools, LAYERS)
    steps, extra = {}, {}
    for name, source in (("kd", teacher.showing()), ("kd_live", LiveTeacher(stored_network(trial.needs[0], tools)))):
        kd = Distillation(source, trial.settings["temperature"])
        steps[name] = step_of(seeded_network(trial).to(tools.device), kd, split)
        extra[name] = count_bytes(source.model) if name == "kd_live" else 0
    for name, method in METHODS.items():
        student = replace(trial, settings=students[f"{name}_kd"].settings)
        kd = Distillation(teacher.showing(), trial.settings["temperature"])
        model, objective = with_term(student, method, teacher, split, kd)
        steps[name] = step_of(model, objective, split)
        extra[name] = extra_bytes(model, objective, [teacher.features[i] for i in method.layers])
    seconds = in_turn(steps, trial.settings["rounds"], tools.device, tools.progress(trial))
    rows = [
        {
            "method": name,
            "relative_time": median(time / plain for time, plain in zip(times, seconds["kd"], strict=True)),
            "images_per_second": IMAGES / median(times),
            "extra_bytes": extra[name],
        }
        for name, times in seconds.items()
    ]
    return [{"rows": rows}]


def step_of(model: nn.Module, objective: Callable, split: Split) -> Callable[[], None]:
    """A function that takes one training step, always on the split's first batch."""
    optimizer, rows = sgd(1e-6)(model.parameters()), slice(IMAGES)
    batch = Batch(split.images(rows), split.y[rows], split.index[rows], CENTRE_VIEW)
    model.train()

    def step() -> None:
        loss = objective(model, batch)[0].mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def extra_bytes(model: nn.Module, objective: Callable, features: list[Tensor]) -> int:
    """Bytes of the teacher's cached features, of regressors and heads, and of memories."""
    tensors = [*features, *(memory["embeddings"] for memory in objective.state_dict().get("term", {}).values())]
    return count_bytes(model) - count_bytes(model.student) + sum(t.numel() * t.element_size() for t in tensors)


LABELS = {"kd": "KD, cached teacher", "kd_live": "KD, live teacher", **{n: m.label for n, m in METHODS.items()}}


@figure("transfer_cost", chapter="04", size=(12, 4.4), grid=(1, 2), sharey=True)
def cost(left, right, both):
    """What does the richer knowledge cost? Measured in turns in one process.

    Left, time of a training step as a multiple of plain distillation with a cached teacher: a teacher asked live,
    contrastive distillation and angles over all triplets are the dear ones. Right, what must be kept in memory
    besides, on a logarithmic scale: maps of all stages take most.
    """
    order = [*reversed(LABELS)]
    at, colours = range(len(order)), [TEACHER if name == "kd_live" else SOFT for name in order]
    means = both.map(lambda table: table.groupby("method")[["relative_time", "extra_bytes"]].mean().loc[order])
    left.barh(at, means.reference.relative_time, color=colours)
    right.barh(at, means.reference.extra_bytes.clip(lower=1) / 2**20, color=colours)
    if both.mine is not None:
        yours(left, means.mine.relative_time, at, "yours (quick)", beside=0)
    left.axvline(1, color="black", lw=1, ls=":")
    left.set_yticks(at, [LABELS[name] for name in order])
    left.set(title="Time of a step", xlabel="times plain KD")
    right.set_xscale("log")
    right.set(title="Kept in memory besides", xlabel="MiB for 12,000 images", xlim=(0.05, None))
