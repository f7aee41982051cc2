"""Do soft targets replace early stopping when labels are few? Hinton et al. 2015, section 6, on MNIST.

Published for speech with 3 % of the data: hard labels 67.3 % train, 44.5 % test frame accuracy (early stopping needed);
soft targets 65.4 % and 57.0 %; all data 63.4 % and 58.9 %. Here 3 % of MNIST: the shape of the table, not its numbers.
"""

from kdbook.data.images import load_images
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import BestEpoch, errors, objective_for, predict, stored_network, train, training_split
from kdbook.show import HARD, PLAIN, by_arm, figure, looks, names, of_seeds, published

VERSION = 1
SEEDS = {"full": (5, 0), "quick": (2, 0)}  # students, teachers
COLUMNS = columns(
    "arm seed train_accuracy test_accuracy test_accuracy_early best_epoch recovered",
    arm="targets: hard or soft on 3 % of the images, or hard on all (hinton_mnist's)",
    seed="seed of weights and order; which images are used is the same for all",
    train_accuracy="share right on the images trained on, last epoch",
    test_accuracy="share right on the test images, last epoch",
    test_accuracy_early="the same at the epoch that is best on the validation images (early stopping)",
    recovered="share of the test accuracy of the net trained on all labels",
)


def arms(profile: str) -> dict[str, Arm]:
    """Few images with hard labels or soft targets; the baseline on all labels is hinton_mnist's arm `hard`."""
    few = {"sizes": [784, 800, 800, 10], "part": "fit", "samples": 1_800, "batch_size": 128, "lr": 0.05, "epochs": 60}
    if profile == "quick":
        few |= {"sizes": [784, 100, 100, 10], "epochs": 25}
    soft = {**few, "temperature": 2.0, "alpha": 1.0}  # the paper's best temperature for speech
    needs = ("hinton_mnist/teacher", "hinton_mnist/hard")
    return {
        "hard": Arm("3 % of the images,\nhard labels", "hard", few, needs),
        "soft": Arm("3 % of the images,\nsoft targets", "soft", soft, needs),
        "hard_all": Arm("all images,\nhard labels", "hard", few, needs),
    }


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train on few images, watching the validation images for early stopping; the baseline is only scored."""
    (trial,) = trials
    test = load_images(trial.data, "test", tools.device)
    baseline = stored_network(trial.needs[1], tools)

    def accuracy(model, split):
        return 1 - errors(predict(model, split).logits, split.y) / len(split)

    whole = accuracy(baseline, test)
    if trial.arm == "hard_all":
        split = load_images(trial.data, "train", tools.device)
        return [{"train_accuracy": accuracy(baseline, split), "test_accuracy": whole, "recovered": 1.0}]
    split, validation = training_split(trial, tools), load_images(trial.data, "validation", tools.device)
    best = BestEpoch(lambda model: accuracy(model, validation))
    model, _ = train(trial, split, objective_for(trial, split, tools), tools, watch=best)
    tools.keep(trial, pictures={"validation_accuracy": best.curve})
    last = accuracy(model, test)
    return [
        {
            "train_accuracy": accuracy(model, split),
            "test_accuracy": last,
            "test_accuracy_early": accuracy(best.model, test),
            "best_epoch": best.epoch,
            "recovered": last / whole,
        }
    ]


ARMS = looks(arms("full"))
SPEECH = {"train": (67.3, 65.4, 63.4), "test": (44.5, 57.0, 58.9)}  # Hinton et al. 2015, table 5, frame accuracy in %


@figure("few_labels", chapter="01", size=(14, 4), grid=(1, 3), legend="all")
def few_labels(left, middle, right, both):
    """Hinton et al. 2015, section 6.

    Three panels. Accuracy on MNIST of students of 3 % of the images with hard or soft targets, and on all: on training
    images, on test images, and the paper's table for speech. Soft targets recover part of the loss.
    """
    by_arm(left, both, "train_accuracy", ARMS, scale=100)
    by_arm(middle, both, "test_accuracy", ARMS, scale=100)
    early = 100 * of_seeds(both.reference, "hard", "test_accuracy_early")
    middle.scatter([0.22] * len(early), early, marker="v", s=20, color=HARD, label="with early stopping")
    right.scatter(range(3), SPEECH["train"], color=PLAIN, label="training frames")
    published(right, range(3), SPEECH["test"], "test frames")
    names(right, [look.label for look in ARMS.values()])
    left.set(title="MNIST: images trained on", ylabel="accuracy, %")
    middle.set(title="MNIST: test images")
    right.set(title="published: speech", ylabel="frame accuracy, %")
