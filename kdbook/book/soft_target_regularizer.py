"""Do soft targets replace early stopping when labels are few? Hinton et al. 2015, section 6, on MNIST.

Published for speech with 3 % of the data: hard labels 67.3 % train, 44.5 % test frame accuracy (early stopping needed);
soft targets 65.4 % and 57.0 %; all data 63.4 % and 58.9 %. Here 3 % of MNIST: the shape of the table, not its numbers.
"""

from kdbook.data.images import load_images
from kdbook.lab.arms import trial as trial_of
from kdbook.lab.steps import BestEpoch, errors, objective_for, predict, stored_network, train, training_split
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of

VERSION = 1
COLUMNS = {
    "arm": "targets: hard or soft on 3 % of the images, or hard on all (hinton_mnist's)",
    "seed": "seed of weights and order; which images are used is the same for all",
    "train_accuracy": "share right on the images trained on, last epoch",
    "test_accuracy": "share right on the test images, last epoch",
    "test_accuracy_early": "the same at the epoch that is best on the validation images (early stopping)",
    "best_epoch": "that epoch, counted from 1",
    "recovered": "share of the test accuracy of the net trained on all labels",
}
ARMS = ("hard", "soft", "hard_all")
STUDENT = {"sizes": [784, 800, 800, 10], "part": "fit", "samples": 1_800, "batch_size": 128, "lr": 0.05, "epochs": 60}
SETTINGS = {
    "full": STUDENT,
    "quick": {**STUDENT, "sizes": [784, 100, 100, 10], "epochs": 25},
}
SEEDS = {"full": 5, "quick": 2}


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Three arms of every seed; the baseline on all labels is hinton_mnist's arm `hard`."""
    check_profile(profile)
    made = []
    for seed in seeds_of(seeds, SEEDS[profile]):
        needs = (trial_of("hinton_mnist", profile, "teacher", seed), trial_of("hinton_mnist", profile, "hard", seed))
        soft = {"temperature": 2.0, "alpha": 1.0}  # the paper's best temperature for speech
        for arm in ARMS:
            settings = {**SETTINGS[profile], **(soft if arm == "soft" else {})}
            made.append(Trial("soft_target_regularizer", arm, seed, settings, needs=needs, version=VERSION))
    return made


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
