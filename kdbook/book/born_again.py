"""Does a net that learns from its own kind get better, generation by generation? Furlanello et al. 2018, Tables 1 to 3.

Generation 0 learns labels; each later one, of the same architecture but fresh weights, learns the answers of the one
before at T = 1 and no label. The control that matters for their ensemble has as many nets and as much compute: nets
from the same initial weights and batches as the generations, trained on labels and independent of each other. An MLP, a
convolutional net and a small ResNet on 4,000 images of Fashion-MNIST; the MLP also until it fits them.
"""

import torch
from torch import nn

from kdbook.book.training_modes import DATA, expected_calibration_error
from kdbook.lab.steps import (
    cached_teacher,
    errors,
    network,
    predict,
    teacher_answers,
    test_split,
    train,
    training_split,
)
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.nets.vision import count_multiply_adds
from kdbook.training import Distillation, HardLabels

VERSION = 1
GENERATIONS = 4
COLUMNS = {
    "arm": "net, then generation_k, independent_k, or the ensemble of four of a kind",
    "seed": "seed of a chain; with the generation's number it fixes weights and order",
    "net": "mlp, conv or resnet; mlp_long is trained for 60 epochs instead of 10",
    "kind": "generation, independent, or ensemble",
    "generation": "number of the generation, 0 = of labels; for an ensemble that of its last member",
    "test_errors": "wrong answers on the 10,000 test images, last epoch",
    "ece": "expected calibration error on test images, 15 bins, %",
    "agreement": "share of test images with the top class of the generation before, or of independent net 0",
    "total_gigamacs": "multiply-adds of its training and of all that had to be trained before it, in 10^9",
}

# Learning rates were chosen for generation 0 on validation images, seed 0: of 0.05, 0.1 and 0.2 for the MLP, 0.1 and
# 0.4 for the convolutional net, 0.1, 0.2 and 0.4 for the ResNet.
TRAINING = {"samples": 4_000, "epochs": 10, "batch_size": 128, "lr": 0.1, "weight_decay": 5e-4}
NETS = {
    "mlp": {"net": "mlp", "sizes": [784, 100, 100, 10]},
    "conv": {"net": "conv", "widths": [8, 16, 32], "lr": 0.4},
    "resnet": {"net": "resnet", "widths": [8, 16, 32]},
}
# Added after the first full results: on validation images, seeds 0 to 2, generations gained, not lost, once the net was
# trained this long.
NETS["mlp_long"] = {**NETS["mlp"], "epochs": 60}
SETTINGS = {
    "full": {net: {**TRAINING, **chosen} for net, chosen in NETS.items()},
    "quick": {
        "mlp": {**TRAINING, "net": "mlp", "sizes": [784, 30, 30, 10], "samples": 800, "batch_size": 50, "epochs": 4},
        "conv": {
            **TRAINING,
            "net": "conv",
            "widths": [4, 8, 16],
            "lr": 0.4,
            "samples": 800,
            "batch_size": 50,
            "epochs": 4,
        },
        "mlp_long": {
            **TRAINING,
            "net": "mlp",
            "sizes": [784, 30, 30, 10],
            "samples": 400,
            "batch_size": 50,
            "epochs": 16,
        },
        "resnet": {**TRAINING, "net": "resnet", "widths": [8, 16, 32], "samples": 400, "batch_size": 50, "epochs": 4},
    },
}
SEEDS = {"full": 5, "quick": 2}


def member(profile: str, net: str, kind: str, number: int, seed: int) -> Trial:
    """A generation, with its chain of ancestors as needs, or the independent net of the same weights and batches."""
    needs = (member(profile, net, kind, number - 1, seed),) if kind == "generation" and number else ()
    kind = kind if number else "generation"  # the two families share their first net
    settings = {**SETTINGS[profile][net], "generation": number}
    return Trial("born_again", f"{net}:{kind}_{number}", seed, settings, needs=needs, data=DATA, version=VERSION)


def ensemble(profile: str, net: str, kind: str, seed: int) -> Trial:
    """The four nets of a family as one."""
    needs = tuple(member(profile, net, kind, k, seed) for k in range(GENERATIONS))
    settings = {**SETTINGS[profile][net], "generation": GENERATIONS - 1}
    return Trial("born_again", f"{net}:ensemble_{kind}", seed, settings, needs=needs, data=DATA, version=VERSION)


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Four generations, three independent nets and two ensembles of each network and seed."""
    check_profile(profile)
    made = []
    for seed in seeds_of(seeds, SEEDS[profile]):
        for net in NETS:
            for kind in ("generation", "independent"):
                start = int(kind == "independent")
                made += [member(profile, net, kind, k, seed) for k in range(start, GENERATIONS)]
                made.append(ensemble(profile, net, kind, seed))
    return made


def trained_before(trial: Trial) -> set[Trial]:
    """All nets that a trial needs, and those that they need."""
    return set(trial.needs).union(*map(trained_before, trial.needs))


def cost(trial: Trial) -> float:
    """Multiply-adds of one training in 10^9, forward and twice that backward."""
    s = trial.settings
    return 3 * s["epochs"] * s["samples"] * count_multiply_adds(network(s)) / 1e9


def train_member(trial: Trial, tools: Tools) -> nn.Module:
    """One net, on labels or on the answers of the generation before; its weights are kept."""
    split, own = training_split(trial, tools), trial.seed + 1000 * trial.settings["generation"]
    objective = Distillation(cached_teacher(trial.needs[0], split, tools), 1.0) if trial.needs else HardLabels()
    with torch.random.fork_rng():
        torch.manual_seed(own)
        nets = nn.ModuleList([network(trial.settings)])
    train(trial, split, objective, tools, nets, seed=own)
    tools.keep(trial, tensors=nets[0].state_dict())
    return nets[0]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one net, or put four stored ones together, and read the test set once."""
    (trial,) = trials
    net, _, rest = trial.arm.partition(":")
    kind, _, _ = rest.partition("_")
    test, before = test_split(trial, tools), trained_before(trial)
    needed = [teacher_answers(need, test, tools) for need in trial.needs]
    if kind == "ensemble":
        answers, own = torch.stack(needed).softmax(-1).mean(0).log(), 0.0
    else:
        answers, own = predict(train_member(trial, tools), test).logits, cost(trial)
        tools.remember(("answers", trial.id), lambda: answers)  # where `teacher_answers` of its students looks first
    return [
        {
            "net": net,
            "kind": kind,
            "test_errors": errors(answers, test.y),
            "ece": expected_calibration_error(answers, test.y),
            "agreement": float((answers.argmax(-1) == needed[0].argmax(-1)).float().mean()) if needed else None,
            "total_gigamacs": own + sum(map(cost, before)),
        }
    ]
