"""Does a net that learns from its own kind get better, generation by generation? Furlanello et al. 2018, Tables 1 to 3.

Generation 0 learns labels; each later one, of the same architecture but fresh weights, learns the answers of the one
before at T = 1 and no label. The control that matters for their ensemble has as many nets and as much compute: nets
from the same initial weights and batches as the generations, trained on labels and independent of each other. An MLP, a
convolutional net and a small ResNet on 4,000 images of Fashion-MNIST; the MLP also until it fits them.
"""

from dataclasses import replace

import torch
from torch import nn

from kdbook.book.training_modes import cost, seeded_nets
from kdbook.data import Split
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import cached_teacher, errors, expected_calibration_error, predict, splits, teacher_answers, train
from kdbook.show import HARD, OWN, SOFT, figure, names, of_seeds, plain, seeds, yours
from kdbook.training import Distillation, HardLabels

VERSION, DATA = 1, "fashion-mnist"
SEEDS = {"full": (5, 0), "quick": (2, 0)}  # chains; teachers are the generations before
COLUMNS = columns(
    "arm seed net kind generation test_errors ece agreement total_gigamacs",
    arm="net, then generation_k, independent_k, or the ensemble of four of a kind",
    seed="seed of a chain; with the generation's number it fixes weights and order",
    net="mlp, conv or resnet; mlp_long is trained for 60 epochs instead of 10",
    kind="generation, independent, or ensemble",
    generation="number of the generation, 0 = of labels; for an ensemble that of its last member",
    agreement="share of test images with the top class of the generation before, or of independent net 0",
    total_gigamacs="multiply-adds of its training and of all that had to be trained before it, in 10^9",
)
GENERATIONS = 4
NETS = {"mlp": "MLP", "conv": "convolutional net", "resnet": "ResNet", "mlp_long": "MLP, 6 x as long"}


def nets(profile: str) -> dict[str, dict]:
    """Settings of each net.

    Learning rates were chosen for generation 0 on validation images, seed 0: of 0.05, 0.1 and 0.2 for the MLP, 0.1 and
    0.4 for the convolutional net, 0.1, 0.2 and 0.4 for the ResNet. The long training was added after the first full
    results: on validation images, seeds 0 to 2, generations gained, not lost, once the net was trained this long.
    """
    training = {"samples": 4_000, "epochs": 10, "batch_size": 128, "lr": 0.1, "weight_decay": 5e-4}
    mlp = {"net": "mlp", "sizes": [784, 100, 100, 10]}
    conv = {"net": "conv", "widths": [8, 16, 32], "lr": 0.4}
    few, long = {}, {"epochs": 60}
    if profile == "quick":
        training |= {"samples": 800, "epochs": 4, "batch_size": 50}
        mlp["sizes"], conv["widths"] = [784, 30, 30, 10], [4, 8, 16]
        few, long = {"samples": 400}, {"samples": 400, "epochs": 16}
    return {
        "mlp": {**training, **mlp},
        "conv": {**training, **conv},
        "resnet": {**training, "net": "resnet", "widths": [8, 16, 32], **few},
        "mlp_long": {**training, **mlp, **long},
    }


def arms(profile: str) -> dict[str, Arm]:
    """Four generations, three independent nets and two ensembles of each network; both families share net 0."""
    found = {}
    for net, settings in nets(profile).items():
        for kind, role in (("generation", "soft"), ("independent", "hard")):
            family = [f"{net}:generation_0", *(f"{net}:{kind}_{k}" for k in range(1, GENERATIONS))]
            for k, arm in enumerate(family):
                before = (family[k - 1],) if k and kind == "generation" else ()
                made = Arm(f"{NETS[net]}, {kind} {k}", role, {**settings, "generation": k}, before)
                found.setdefault(arm, made)
            last = {**settings, "generation": GENERATIONS - 1}
            found[f"{net}:ensemble_{kind}"] = Arm(f"{NETS[net]}, ensemble", role, last, tuple(family))
    return found


def trained_before(trial: Trial) -> set[Trial]:
    """All nets that a trial needs, and those that they need."""
    return set(trial.needs).union(*map(trained_before, trial.needs))


def train_member(trial: Trial, split: Split, tools: Tools) -> nn.Module:
    """One net, on labels or on the answers of the generation before; its weights are kept."""
    own = trial.seed + 1000 * trial.settings["generation"]
    objective = Distillation(cached_teacher(trial.needs[0], split, tools), 1.0) if trial.needs else HardLabels()
    alone = seeded_nets(replace(trial, seed=own))
    train(trial, split, objective, tools, alone, seed=own)
    tools.keep(trial, tensors=alone[0].state_dict())
    return alone[0]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one net, or put four stored ones together, and read the test set once."""
    (trial,) = trials
    net, _, rest = trial.arm.partition(":")
    kind, _, _ = rest.partition("_")
    (split, test), before = splits(trial, tools), trained_before(trial)
    needed = [teacher_answers(need, test, tools) for need in trial.needs]
    if kind == "ensemble":
        answers, own = torch.stack(needed).softmax(-1).mean(0).log(), 0.0
    else:
        answers, own = predict(train_member(trial, split, tools), test).logits, cost(trial)
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


FAMILIES = {"generation": (SOFT, -0.13, "generations of teachers"), "independent": (HARD, 0.13, "independent, labels")}


@figure("born_again_generations", chapter="05", size=(15, 4.4), grid=(1, 4), sharey=True)
def generations(panels, both):
    """Furlanello et al. 2018, Tables 1 to 3 and 6.

    A panel each for an MLP, a convolutional net, a ResNet, and the MLP trained for much longer: test errors of
    four generations, each taught by the one before, beside four nets of the same initial weights that learned labels;
    at the right the two ensembles of four.
    """
    for axes, (net, title) in zip(panels, NETS.items(), strict=True):
        for kind, (colour, shift, label) in FAMILIES.items():
            family = [f"{net}:{kind if k else 'generation'}_{k}" for k in range(GENERATIONS)]
            for at, arm in enumerate([*family, f"{net}:ensemble_{kind}"]):
                values = of_seeds(both.reference, arm, "test_errors")
                seeds(axes, at + shift, values, colour, label if at == 1 else None)
                if both.mine is not None and kind == "generation":
                    yours(axes, at, of_seeds(both.mine, arm, "test_errors"), OWN if at == 1 else None)
        names(axes, [*range(GENERATIONS), "ensemble"])
        plain(axes.yaxis, (1000, 1200, 1400, 1600, 1800, 2000, 3000, 4000, 6000), "log")
        axes.set(title=title, xlabel="generation")
    panels[0].set_ylabel("test errors of 10,000 (log scale)")
