"""Own models: what is taken in, that nothing but `fit` trains, and that each mistake is made and noticed."""

import copy
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import yaml
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import kdbook
from kdbook.data.own import own_items
from kdbook.training import CachedTeacher, Distillation, HardLabels, adam, fit, predict
from kdbook.training import mistakes as mistakes_of
from kdbook.training.report import ALONE, DISTILLED

CLASSES, WIDTH = 3, 6
TABLE = yaml.safe_load((Path(mistakes_of.__file__).with_suffix(".yaml")).read_text())


def samples(count=300, seed=0):
    """Points around three corners, and which corner it is."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(CLASSES, (count,), generator=generator)
    x = 0.5 * torch.randn(count, WIDTH, generator=generator) + F.one_hot(y, WIDTH)
    return x, y


X, Y = samples()
TEST = samples(200, seed=1)


def good_teacher(classes=CLASSES):
    """A net that knows the corners, up to a constant."""
    net = nn.Linear(WIDTH, classes)
    with torch.no_grad():
        net.weight.copy_(3 * torch.eye(WIDTH)[:classes])
        net.bias.zero_()
    return net


def small_student(classes=CLASSES):
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(WIDTH, 8), nn.ReLU(), nn.Linear(8, classes))


def quick(teacher=None, student=None, train=(X, Y), **changes):
    """`distil` in a blink; changes replace its arguments."""
    settings = {"test": TEST, "epochs": 3, "batch_size": 32, "rates": [0.02], "device": "cpu", "progress": False}
    return kdbook.distil(teacher or good_teacher(), student or small_student(), train, **settings | changes)


def wrong(report, name=DISTILLED):
    return report.rows[name]["wrong, %"]


# What it does


def test_a_student_learns_from_few_labels_and_many_inputs_without_any():
    report = quick(train=(X[:20], Y[:20]), unlabelled=X[20:], validation=samples(100, 2), epochs=10, alpha=0.5)
    assert wrong(report, "teacher") <= wrong(report) < wrong(report, ALONE)
    assert 0.3 < report.gap_closed <= 1
    assert report.student is not report.alone


def test_the_net_that_was_given_is_trained_and_reported_in_eval_mode():
    student = small_student()
    before = copy.deepcopy(student.state_dict())
    report = quick(student=student)
    assert report.student is student and not student.training
    assert not torch.equal(before["0.weight"], student[0].weight)
    found = 100 * float((student(TEST[0]).argmax(-1) != TEST[1]).float().mean())
    assert wrong(report) == pytest.approx(found)


def test_it_is_fit_with_distillation_and_with_hard_labels_number_by_number():
    held = samples(50, 4)
    report = quick(validation=held, temperature=2.0, alpha=0.7)
    split, teacher = own_items((X, Y)), good_teacher()
    cache = CachedTeacher(predict(teacher, split).logits[None], split.index)
    for objective, trained in ((Distillation(cache, 2.0, 0.7), report.student), (HardLabels(), report.alone)):
        by_hand = small_student()
        settings = {"epochs": 3, "batch_size": 32, "optimizer": adam(0.02), "seed": 0, "progress": False}
        fit(by_hand, objective, split, **settings)
        for ours, theirs in zip(by_hand.parameters(), trained.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_both_students_have_the_same_rates_and_as_many_steps():
    seen = []
    report = quick(train=(X[:64], Y[:64]), unlabelled=X[64:], rates=[0.01, 0.03], on_epoch=seen.append)
    assert [(t["arm"], t["learning rate"]) for t in report.tries] == [
        (arm, rate) for arm in (ALONE, DISTILLED) for rate in (0.01, 0.03)
    ]
    epochs = {s["arm"]: s["epochs"] for s in seen}
    assert epochs == {ALONE: 3 * 10 // 2 + 0, DISTILLED: 3}
    best = min((t for t in report.tries if t["arm"] == ALONE), key=lambda t: (t["wrong, %"], t["loss, nats"]))
    assert report.rows[ALONE]["learning rate"] == best["learning rate"]


def test_a_log_is_told_every_epoch_and_its_loss():
    seen = []
    quick(on_epoch=seen.append)
    assert [s["epoch"] for s in seen if s["arm"] == DISTILLED] == [1, 2, 3]
    losses = [s["loss"] for s in seen if s["arm"] == DISTILLED]
    assert losses == sorted(losses, reverse=True)


def test_an_interrupted_call_goes_on_and_gives_the_same(tmp_path):
    def stop(record):
        if record["arm"] == DISTILLED:
            raise KeyboardInterrupt

    whole = quick()
    with pytest.raises(KeyboardInterrupt):
        quick(folder=tmp_path, on_epoch=stop)
    trained = []
    again = quick(folder=tmp_path, on_epoch=trained.append)
    assert {record["arm"] for record in trained} == {DISTILLED}
    for name in (ALONE, DISTILLED):
        assert again.rows[name]["loss, nats"] == whole.rows[name]["loss, nats"]


def test_soft_targets_alone_need_no_label_and_then_nothing_is_said_about_errors():
    report = quick(train=X, test=None)
    assert list(report.rows) == ["teacher", DISTILLED] and report.alone is None and report.gap_closed is None
    assert "wrong, %" not in report.rows[DISTILLED] and report.rows[DISTILLED]["agreement"] > 0.7


def test_rows_without_a_label_have_the_teachers_term_alone():
    y = Y.clone()
    y[::2] = -100
    mixed = quick(train=(X, y), validation=TEST, test=None, alpha=0.5)
    joined = quick(train=(X[1::2], Y[1::2]), unlabelled=X[::2], validation=TEST, test=None, alpha=0.5)
    assert wrong(mixed) == pytest.approx(wrong(joined), abs=6)
    assert mixed.alone is not None


# What it takes in


class Answering(nn.Module):
    """A net whose answer is wrapped, or whose inputs have names."""

    def __init__(self, wrap, net=None):
        super().__init__()
        self.net, self.wrap = net or good_teacher(), wrap

    def forward(self, points):
        return self.wrap(self.net(points))


class Points(Dataset):
    """Samples by number, in a form of one's choice."""

    def __init__(self, form):
        self.form = form

    def __len__(self):
        return len(X)

    def __getitem__(self, at):
        return self.form(X[at], Y[at])


FORMS = {
    "tensors": lambda: (X, Y),
    "a TensorDataset": lambda: TensorDataset(X, Y),
    "a Dataset of mappings": lambda: Points(lambda x, y: {"points": x, "labels": int(y), "name": "a point"}),
    "a list": lambda: [(x.numpy(), int(y)) for x, y in zip(X, Y, strict=True)],
    "a loader": lambda: DataLoader(TensorDataset(X, Y), batch_size=7, shuffle=True),
    "a loader that collates": lambda: DataLoader(
        TensorDataset(X, Y),
        collate_fn=lambda rows: {"points": torch.stack([r[0] for r in rows]), "y": torch.stack([r[1] for r in rows])},
    ),
    "a mapping": lambda: {"points": X, "labels": Y},
}


@pytest.mark.parametrize("form", FORMS)
def test_data_of_any_kind_give_the_same_student(form):
    data = FORMS[form]()
    named = "mapping" in form or "collates" in form
    nets = (Answering(lambda z: z), Answering(lambda z: z, small_student())) if named else (None, None)
    test = {"points": TEST[0], "labels": TEST[1]} if named else TEST
    assert wrong(quick(*nets, data, test=test)) == wrong(quick())


@pytest.mark.parametrize(
    "wrap", [lambda z: {"logits": z}, lambda z: type("Out", (), {"logits": z})()], ids=["dict", "object"]
)
def test_a_teacher_may_answer_with_a_mapping_or_an_object(wrap):
    assert wrong(quick(Answering(wrap))) == wrong(quick())


def test_teacher_and_student_may_read_a_sample_in_ways_of_their_own():
    class Student(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(2, CLASSES)

        def forward(self, short):
            return self.net(short)

    def named(x, y):
        return {"points": x, "short": x[:, :2], "labels": y}

    report = quick(Answering(lambda z: z), Student(), named(X, Y), test=named(*TEST))
    assert wrong(report, "teacher") < wrong(report) < 50


@pytest.mark.slow
def test_a_torchvision_net_and_a_tiny_bert_are_students_as_they_are():
    torchvision = pytest.importorskip("torchvision")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    pictures = torch.randn(24, 3, 32, 32)
    teacher = torchvision.models.squeezenet1_1(num_classes=3)
    report = quick(
        teacher, torchvision.models.squeezenet1_1(num_classes=3), pictures, test=None, epochs=1, batch_size=8
    )
    assert report.rows[DISTILLED]["agreement"] <= 1
    tiny = transformers.BertConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_labels=3
    )
    nets = [transformers.BertForSequenceClassification(tiny) for _ in range(2)]
    ids = torch.arange(160).view(40, 4) % 7 + 2
    ids[::2, 3:] = 0
    report = quick(*nets, {"input_ids": ids, "attention_mask": (ids > 0).long()}, test=None, epochs=1)
    assert report.student is nets[1] and report.rows[DISTILLED]["mean_kl"] >= 0


# The twelve mistakes


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
