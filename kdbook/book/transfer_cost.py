"""What does each type of knowledge cost? Seconds a step beside plain KD, and what must be kept in memory besides.

All methods take turns in one process, so that a busy machine slows them alike.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from torch import Tensor, nn

from kdbook.book import knowledge_types
from kdbook.book.knowledge_types import DATA, LAYERS, METHODS, with_term
from kdbook.data.images import CENTRE_VIEW, Split
from kdbook.lab.arms import trial as trial_of
from kdbook.lab.steps import cached_teacher, seeded_network, stored_network, training_split
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.nets.vision import count_bytes
from kdbook.training import Batch, Distillation, LiveTeacher, sgd

VERSION = 1

COLUMNS = {
    "arm": "always cost",
    "seed": "number of the repetition",
    "method": "what the student learns from besides labels; kd: a cached teacher, kd_live: one asked at every step",
    "relative_time": "seconds of a training step / those of plain KD with a cached teacher, median of the rounds",
    "images_per_second": "128 / median seconds of a step",
    "extra_bytes": "cached features, regressors and memories besides the student and the cached logits",
}
ROUNDS = {"full": 40, "quick": 6}
SEEDS = {"full": 3, "quick": 1}


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """One measurement of all methods a repetition."""
    check_profile(profile)
    settings = {**knowledge_types.arms(profile)["kd"].settings, "rounds": ROUNDS[profile], "profile": profile}
    return [
        Trial(
            "transfer_cost",
            "cost",
            seed,
            settings,
            needs=(trial_of("knowledge_types", profile, "teacher", seed),),
            data=DATA,
            version=VERSION,
        )  # fmt: skip
        for seed in seeds_of(seeds, SEEDS[profile])
    ]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Time the steps of all methods, one a round each."""
    (trial,) = trials
    split = training_split(trial, tools)
    teacher = cached_teacher(trial.needs[0], split, tools, LAYERS)
    steps, extra = {}, {}
    for name, source in (("kd", teacher.showing()), ("kd_live", LiveTeacher(stored_network(trial.needs[0], tools)))):
        kd = Distillation(source, trial.settings["temperature"], trial.settings["alpha"])
        steps[name] = step_of(seeded_network(trial).to(tools.device), kd, split)
        extra[name] = count_bytes(source.model) if name == "kd_live" else 0
    for name, method in METHODS.items():
        settings = knowledge_types.arms(trial.settings["profile"])[f"{name}_kd"].settings
        model, objective = with_term(replace(trial, settings=settings), teacher, len(split), tools.device)
        steps[name] = step_of(model, objective, split)
        extra[name] = extra_bytes(model, objective, [teacher.features[i] for i in method.layers])
    seconds = {name: [] for name in steps}
    for number in range(trial.settings["rounds"]):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - began)
        tools.progress(trial)(number + 1, trial.settings["rounds"])
    middle = {name: statistics.median(times[1:]) for name, times in seconds.items()}  # the first step allocates
    return [
        {
            "rows": [
                {
                    "method": name,
                    "relative_time": statistics.median(
                        t / plain for t, plain in zip(seconds[name][1:], seconds["kd"][1:], strict=True)
                    ),
                    "images_per_second": trial.settings["batch_size"] / middle[name],
                    "extra_bytes": extra[name],
                }
                for name in steps
            ]
        }
    ]


def step_of(model: nn.Module, objective: Callable, split: Split) -> Callable[[], None]:
    """A function that takes one training step, always on the split's first batch."""
    optimizer = sgd(1e-6)(model.parameters())
    rows = slice(128)
    batch = Batch(split.images(rows), split.y[rows], split.index[rows], CENTRE_VIEW)
    model.train()

    def step() -> None:
        loss = objective(model, batch)[0].mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if loss.device.type == "cuda":
            loss.item()  # waits for the device

    return step


def extra_bytes(model: nn.Module, objective: Callable, features: list[Tensor]) -> int:
    """Bytes of the teacher's cached features, of regressors and heads, and of memories."""
    tensors = [*features]
    for memory in objective.state_dict().values():
        tensors.append(memory["embeddings"])
    return count_bytes(model) - count_bytes(model.student) + sum(t.numel() * t.element_size() for t in tensors)
