"""What is measured: one module a question, with its trials, how one trial is measured, and its columns.

A module has `VERSION`, `COLUMNS`, `trials(profile, seeds)` and `measure(trials, tools)`. Nothing here knows where
trials run or how they are stored (`kdbook.lab`), nor how they are drawn (`kdbook.show`).
"""

from importlib import import_module
from types import ModuleType

EXPERIMENTS = (
    "hinton_mnist",
    "tuning",
    "missing_digit",
    "dark_knowledge",
    "ablations",
    "soft_target_regularizer",
    "latency",
    "t_squared",
    "logit_limit",
    "temperature_by_width",
    "temperature_views",
    "alpha_sweep",
    "transfer_weights",
    "knowledge_types",
    "transfer_cost",
    "fitnets",
    "training_modes",
    "born_again",
    "early_exits",
    "specialist_clusters",
    "specialists",
    "specialists_distilled",
    "speech_ensemble",
    "speech_soft_targets",
    "mobile_vision",
    "mobile_latency",
    "patience",
    "bert_sizes",
    "distilbert",
    "tinybert",
    "distilled_models",
    "exposure_bias",
    "api_teacher",
    "vocabulary_mismatch",
    "draft_models",
    "capacity_gap",
    "hallucination_transfer",
    "real_teacher",
    "consistent_pattern",
)


def module(name: str) -> ModuleType:
    """The module of an experiment.

    Raises
    ------
    ValueError
        For an unknown name, listing those there are.
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"unknown experiment {name!r}; there are {', '.join(EXPERIMENTS)}")
    return import_module(f"kdbook.experiments.{name}")
