"""Mistakes of distillation, each of them made and noticed with its sentence."""

import re
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import yaml
from torch import nn

from kdbook.data.own import own_items
from kdbook.training import HardLabels, adam, fit
from kdbook.training import mistakes as mistakes_of
from kdbook.training.report import DISTILLED
from tests.training.own_cases import CLASSES, TEST, WIDTH, Points, X, Y, good_teacher, quick, small_student, wrong

TABLE = yaml.safe_load(Path(mistakes_of.__file__).with_suffix(".yaml").read_text())


class Doubting(nn.Module):
    """A teacher whose dropout is always on."""

    def __init__(self):
        super().__init__()
        self.net = good_teacher()

    def forward(self, x):
        return self.net(F.dropout(x))


class MeanOfTokens(nn.Module):
    """A reader of texts that counts padding."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.words, self.out = nn.Embedding(20, 8), nn.Linear(8, CLASSES)

    def forward(self, x):
        return self.out(self.words(x).mean(1))


def own_loss(factor=1.0, swapped=False):
    """A loss as people write it."""

    def loss(s, t, y, *, temperature, alpha):
        soft = F.kl_div((s / temperature).log_softmax(-1), (t / temperature).softmax(-1), reduction="batchmean")
        hard = F.cross_entropy(s, y)
        a = 1 - alpha if swapped else alpha
        return a * factor * temperature**2 * soft + (1 - a) * hard

    return loss


def turned():
    """A teacher with its classes in another order."""
    net = good_teacher()
    with torch.no_grad():
        net.weight.copy_(net.weight.roll(1, 0))
    return net


def misfed():
    """A teacher that was trained on the same columns in another order: it reads noise."""
    net = good_teacher()
    with torch.no_grad():
        net.weight.copy_(net.weight.roll(3, 1))
    return net


def trained():
    student = small_student()
    fit(student, HardLabels(), own_items((X, Y)), epochs=5, batch_size=32, optimizer=adam(0.02), seed=1, progress=False)
    return student


def texts():
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(1, 20, (200, 9), generator=generator)
    x[torch.arange(9) >= torch.randint(2, 9, (200, 1), generator=generator)] = 0
    return x


def frozen():
    return small_student().requires_grad_(False)


REFUSED = {
    "probabilities": (
        lambda: quick(nn.Sequential(good_teacher(), nn.Softmax(-1))),
        r"the teacher's answer must be logits \(take its softmax away\), got probabilities",
    ),
    "t_squared": (
        lambda: quick(loss=own_loss(1 / 16)),
        r"loss must be as large as kd_loss \(its factor T\^2 = 16 is missing\), got 0.0625 times that",
    ),
    "mean_over_classes": (
        lambda: quick(loss=own_loss(1 / 3)),
        r"loss must be as large as kd_loss \(it is a mean over 3 classes, no sum\), got 0.333 times that",
    ),
    "alpha": (lambda: quick(loss=own_loss(swapped=True)), "loss must be one whose alpha weighs the teacher"),
    "padding": (
        lambda: quick(MeanOfTokens(), MeanOfTokens(), texts(), test=None),
        "teacher must be a net that does not read padding .*, got answers that padding moves by",
    ),
    "classes": (lambda: quick(turned()), "teacher must be one with its classes in the order of the labels .* 0 for"),
    "changing_teacher": (lambda: quick(Doubting()), "teacher must be a net that answers a question once and for all"),
    "stale_answers": (
        lambda: quick(train=Points(lambda x, y: (x + torch.rand(WIDTH), y)), cache=True),
        "cache must be None or False for data that is augmented, got True: two readings of one sample differ",
    ),
    "preprocessing": (
        lambda: quick(misfed()),
        "teacher must be better than guessing .*, got .* right answers of",
    ),
    "leak": (lambda: quick(test=(X, Y)), "test must be apart from train, .*, got 100% of its rows"),
    "frozen": (lambda: quick(student=frozen()), r"student must be free to learn .*, got 4 frozen weights"),
}
WARNED = {
    "frozen": (
        lambda: quick(student=trained()),
        "The student is right .* before training: it has learned this already",
    ),
    "neglected_baseline": (
        lambda: quick(weak(), small_student(), epochs=10),
        r"The teacher, .* % wrong, is no better than the student alone, .* %: it has little to teach",
    ),
}


def weak():
    """A teacher that is right half of the time."""
    net = good_teacher()
    with torch.no_grad():
        net.weight[:, 1:3] += 5 * torch.randn(CLASSES, 2, generator=torch.Generator().manual_seed(2))
    return net


def test_the_table_has_twelve_mistakes_and_each_is_made_here():
    assert len(TABLE) == 12 and {row["id"] for row in TABLE} == {*REFUSED, *WARNED}
    assert all(set(row) == {"id", "mistake", "result", "check"} for row in TABLE)


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_that_spoils_the_result_is_refused_with_what_to_do(mistake):
    make, sentence = REFUSED[mistake]
    with pytest.raises(ValueError, match=sentence):
        make()


@pytest.mark.parametrize("mistake", WARNED)
def test_what_may_be_meant_so_is_a_warning_that_the_report_keeps(mistake):
    make, sentence = WARNED[mistake]
    with pytest.warns(UserWarning, match=sentence):
        report = make()
    assert any(re.search(sentence, note) for note in report.notes)


def test_log_probabilities_are_logits_and_teach_the_same():
    logged = quick(nn.Sequential(good_teacher(), nn.LogSoftmax(-1)))
    assert logged.rows[DISTILLED]["loss, nats"] == pytest.approx(quick().rows[DISTILLED]["loss, nats"], rel=1e-4)


def test_a_right_loss_of_ones_own_is_taken_and_gives_the_same_student():
    assert wrong(quick(loss=own_loss())) == wrong(quick())


ALSO_REFUSED = {
    "a student that is its teacher": (
        lambda: (lambda net: quick(net, net))(good_teacher()),
        "student must be a net of its own .*, got 2 weights of its teacher",
    ),
    "other classes": (
        lambda: quick(student=small_student(4)),
        "student must be a net of the teacher's 3 classes, got one of 4",
    ),
    "labels that begin at 1": (
        lambda: quick(train=(X, Y + 1)),
        "labels must be 0 to 2, the numbers of the teacher's classes, or -100 for none, got 0 to 3",
    ),
    "a batch of one row": (
        lambda: quick(student=nn.Sequential(nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, CLASSES)), batch_size=269),
        r"batch_size must be such that no batch has one row, .* as 270, got 269 for \[270, 270\] rows",
    ),
    "a student that ends in a softmax": (
        lambda: quick(student=nn.Sequential(small_student(), nn.Softmax(-1))),
        "the student's answer must be logits",
    ),
    "inputs without labels that differ": (
        lambda: quick(unlabelled={"points": X}),
        "unlabelled must be as the inputs of train, in memory",
    ),
    "an own loss for rows without labels": (
        lambda: quick(unlabelled=X + 1, loss=own_loss(), validation=TEST, test=None),
        "alpha must be 1 for an own loss where some rows have no label, got 0.9",
    ),
    "no learning rate": (lambda: quick(rates=[]), "rates must be one learning rate or more"),
}


@pytest.mark.parametrize("mistake", ALSO_REFUSED)
def test_what_else_goes_wrong_is_refused_with_what_to_do(mistake):
    make, sentence = ALSO_REFUSED[mistake]
    with pytest.raises(ValueError, match=sentence):
        make()


def test_a_loss_that_does_not_fall_is_told_with_its_rate():
    def uphill(rate):
        return partial(torch.optim.SGD, lr=rate, maximize=True)

    with pytest.warns(
        UserWarning, match="student alone, learning rate 0.01: the loss of the first 27 steps does not fall"
    ):
        report = quick(rates=[0.01], optimizer=uphill)
    assert len([note for note in report.notes if "does not fall" in note]) == 2


def test_augmented_data_ask_the_teacher_for_every_batch_and_the_report_says_so():
    report = quick(train=Points(lambda x, y: (x + 0.1 * torch.randn(WIDTH), y)))
    assert any("asked for every batch: two readings of one sample differ" in note for note in report.notes)
    assert wrong(report) < 40


def test_a_net_of_numbers_that_are_no_text_is_not_asked_about_padding():
    def columns():
        torch.manual_seed(0)
        return nn.Sequential(nn.Embedding(20, 4), nn.Flatten(), nn.Linear(36, CLASSES))

    report = quick(columns(), columns(), texts(), test=None, epochs=1)
    assert report.rows[DISTILLED]["mean_kl"] >= 0
