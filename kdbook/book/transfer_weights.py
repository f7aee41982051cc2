"""How much weight should a feature or relation term have? Chosen on validation images, for `knowledge_types` to use.

First the learning rate of each network and temperature and alpha of plain KD, then, with those, the weight of each
method beside labels and beside soft targets. One seed each: differences under about 40 errors are luck.
"""

from collections.abc import Mapping
from dataclasses import replace

from kdbook.book import knowledge_types
from kdbook.book.knowledge_types import METHODS, NEEDS_MAPS, train_student
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import errors, fidelity, predict, splits, teacher_answers
from kdbook.show import HARD, SOFT, Look, curve, figure

VERSION, DATA = 2, knowledge_types.DATA
SEEDS = {"full": (1, 0), "quick": (1, 0)}  # students; teachers are those of knowledge_types
COLUMNS = columns(
    "arm seed beta hint_epochs lr temperature alpha validation_errors agreement",
    arm="as in knowledge_types",
    beta="weight of the feature or relation term",
    hint_epochs="epochs of the first stage of a FitNet",
    lr="learning rate",
    temperature="T of plain KD",
    alpha="weight of the soft term of plain KD",
    validation_errors="wrong answers on the 10,000 validation images, last epoch",
    agreement="share of validation images with the teacher's top class",
)
# Weight at which a term is as large as the cross-entropy of an untrained student's first steps, rounded.
UNITS = {
    "at": 100.0, "at_paper": 1.5,
    "fsp": 12.0, "rkd_d": 10.0, "rkd_a": 12.0, "sp": 1000.0, "cc": 50.0, "pkt": 2e4, "crd": 0.07,
}  # fmt: skip
FACTORS = {"full": (0.1, 0.4, 1.6, 6.4), "quick": (0.4, 6.4)}
HINT_EPOCHS = {"full": (1, 2, 4), "quick": (1,)}
QUICK = ("fitnet", "at", "rkd_d", "pkt")  # a quick run tries the weights of these only, and for one network
RESPONSES = {
    "hard": [{"lr": lr} for lr in (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)],
    "soft": [
        *({"lr": lr} for lr in (0.025, 0.05, 0.1, 0.2, 0.4, 0.8)),
        *({"temperature": t, "alpha": a} for t in (2.0, 4.0, 8.0) for a in (0.5, 0.9)),
    ],
}
TRIED = ("beta", "hint_epochs", "lr", "temperature", "alpha")


def arms(profile: str) -> dict[str, Arm]:
    """Every student of `knowledge_types` with each variant, on the images that its teacher was trained on."""
    found = {}
    for name, arm in knowledge_types.arms(profile).items():
        for other in variants(name, arm, profile):
            settings = {**arm.settings, "part": "fit", **other}
            # plain KD's own settings are in both of its grids, and one arm
            key = " ".join([name, *(f"{tried}={settings[tried]:g}" for tried in TRIED if tried in settings)])
            found[key] = replace(arm, settings=settings, named=name, needs=("knowledge_types/teacher",))
    return found


def variants(name: str, arm: Arm, profile: str) -> list[Mapping]:
    """What is tried for an arm of `knowledge_types`."""
    method = arm.settings.get("method")
    if name in ("teacher", "api") or (profile == "quick" and (name.startswith("mlp_") or method not in QUICK)):
        return []
    if method is None:
        return RESPONSES[arm.role]
    if method == "fitnet":
        return [{"hint_epochs": epochs} for epochs in HINT_EPOCHS[profile]]
    return [{"beta": factor * UNITS[method]} for factor in FACTORS[profile]]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one student and score it on the validation images, which nobody saw."""
    (trial,) = trials
    split, unseen = splits(trial, tools)
    logits = predict(train_student(trial, split, tools), unseen).logits
    agreement = fidelity(logits, teacher_answers(trial.needs[0], unseen, tools))["agreement"]
    return [{"validation_errors": errors(logits, unseen.y), "agreement": agreement}]


@figure("transfer_weights", chapter="04", size=(14, 6), grid=(2, 5), legend=None, sharey=True)
def weights(panels, both):
    """How much weight should a term have? On validation images, which neither teacher nor student has seen.

    One panel a method: validation errors over the term's weight, on a logarithmic axis, beside hard labels and added to
    soft targets, for the convolutional student (circles) and the MLP (triangles); a ring marks the weight in use. Most
    curves are as rough as one seed is; the MLP under a heavy SP leaves the picture upwards.
    """
    ways = [("", "o", "", HARD, "beside hard labels"), ("", "o", "_kd", SOFT, "added to soft targets")]
    ways += [("mlp_", "^", suffix, colour, f"MLP, {label}") for _, _, suffix, colour, label in ways]
    for axes, name in zip(panels.flat, UNITS, strict=False):
        for prefix, mark, suffix, colour, label in ways:
            if prefix and name in NEEDS_MAPS:
                continue
            of_arm = both.rows(arm=f"{prefix}{name}{suffix}")
            own = None if prefix + suffix else "yours (quick)"
            look = Look(label, colour)
            curve(axes, of_arm, "beta", "validation_errors", look, mark=f"{mark}-", own=own, bars=False)
            best = of_arm.reference.nsmallest(1, "validation_errors")
            axes.scatter(best.beta, best.validation_errors, s=70, facecolors="none", edgecolors=colour)
        axes.set(xscale="log", ylim=(1_050, 1_550), title=METHODS[name].label, xlabel="weight beta")
    for axes in panels[:, 0]:
        axes.set_ylabel("validation errors of 10,000")
    for axes in panels.flat[len(UNITS) :]:
        axes.set_axis_off()
    handles, labels = panels.flat[[*UNITS].index("rkd_d")].get_legend_handles_labels()
    axes.figure.legend(handles, labels, loc="outside lower center", ncols=5)
