"""How hinton_mnist's settings were chosen: trained on the first 50,000 training images, scored on the last 10,000.

Teachers train for 25 epochs, or 75 where the arm says so, students for 20.

The test set is never read here. One seed a candidate: differences below ten errors are noise, and simpler values win.
A student's learning rate of 0.3 gave a loss that is not a number; it is left out of the candidates.
"""

from kdbook.book import hinton_mnist
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import errors, one_view_each, predict, test_split, train_and_score
from kdbook.show import ROLES, YOURS, figure

VERSION = 1
SEEDS = {"full": (1, 0), "quick": (1, 0)}  # a candidate, teachers of others
COLUMNS = columns(
    "arm candidate seed validation_errors validation_errors_shifted agreement mean_kl",
    arm="which setting is varied, and for which network",
    candidate="its value",
    seed="seed of weights, order, shifts and dropout",
    validation_errors="wrong answers on the last 10,000 training images, last epoch",
    validation_errors_shifted="the same, each image under one fixed random shift",
    agreement="share of validation images with the teacher's top class",
    mean_kl="mean KL(teacher || student) over validation images at T = 1, nats",
)


def arms(profile: str) -> dict[str, Arm]:
    """Every candidate, called by setting and value, teachers first; one of these teaches all students."""
    quick = {"samples": 5_000, "epochs": 1, "sizes": [784, 30, 30, 10]} if profile == "quick" else {}
    shared = hinton_mnist.arms("full")["teacher"].settings
    teacher = {**{k: v for k, v in shared.items() if k != "kept"}, "part": "fit", "epochs": 25, "hidden_dropout": 0.3}
    student = {"part": "fit", "sizes": [784, 800, 800, 10], "batch_size": 256, "epochs": 20, "lr": 0.1}
    student |= {"temperature": 20.0, "alpha": 0.9}
    shifted = {"alpha": 1.0, "shifts": True}

    def tried(setting: str, value: str, role: str, **changes) -> dict[str, Arm]:
        """One candidate."""
        base, needs = (teacher, ()) if role == "teacher" else (student, ("teacher_dropout 0.3",))
        settings = {**base, **changes, **quick, "candidate": value}
        return {f"{setting} {value}": Arm(f"{setting.replace('_', ' ')} {value}", role, settings, needs, named=setting)}

    return {
        **tried("teacher_dropout", "0.5", "teacher", hidden_dropout=0.5),
        **tried("teacher_dropout", "0.3", "teacher"),
        **tried("teacher_dropout", "0.2", "teacher", hidden_dropout=0.2),
        **tried("teacher_input_dropout", "0.1", "teacher", input_dropout=0.1),
        **tried("teacher_batch_size", "128", "teacher", batch_size=128, lr=0.1),
        **tried("teacher_max_norm", "2", "teacher", max_norm=2.0),
        **tried("teacher_epochs", "75", "teacher", epochs=75),
        **tried("distilled_lr", "0.05", "soft", lr=0.05),
        **tried("distilled_lr", "0.1", "soft"),
        **tried("distilled_lr", "0.2", "soft", lr=0.2),
        **tried("distilled_alpha", "0.5", "soft", alpha=0.5),
        **tried("distilled_alpha", "1", "soft", alpha=1.0),
        **tried("distilled_shifted_lr", "0.1", "soft", **shifted),
        **tried("distilled_shifted_lr", "0.2", "soft", **shifted, lr=0.2),
    }


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """As hinton_mnist, under the names of what is measured here: validation, not test."""
    (trial,) = trials
    model, _, row = train_and_score(trial, tools)
    images = test_split(trial, tools)
    shifted = predict(model, images, view=one_view_each(images)).logits
    tools.keep(trial, tensors=model.state_dict())
    return [
        {
            "validation_errors": row["test_errors"],
            "validation_errors_shifted": errors(shifted, images.y),
            "agreement": row["agreement"],
            "mean_kl": row["mean_kl"],
        }
    ]


@figure("tuning_candidates", chapter="01", size=(11, 3.6), grid=(1, 2), legend=None)
def candidates(left, right, both):
    """Where the settings of hinton_mnist come from.

    Validation errors of every setting that was tried, for the teacher on the left and for the distilled students on the
    right, one line a setting. The test set plays no part.
    """
    for axes, role, title in ((left, "teacher", "teacher"), (right, "soft", "students")):
        tried = [arm for arm in arms("full").values() if arm.role == role]
        for table, colour, label in ((both.reference, ROLES[role], "reference"), (both.mine, YOURS, "yours (quick)")):
            if table is None:
                continue
            found = table.assign(candidate=table.candidate.astype(float)).set_index(["arm", "candidate"])
            values = [found.validation_errors[arm.named, float(arm.settings["candidate"])] for arm in tried]
            axes.scatter(values, range(len(tried)), color=colour, label=label)
        axes.set_yticks(range(len(tried)), [arm.label for arm in tried])
        axes.invert_yaxis()
        axes.set(title=title, xlabel="errors on 10,000 validation images")
        if both.mine is not None:
            axes.legend()
