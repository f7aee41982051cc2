"""Own models: what is taken in, and that nothing but `fit` trains."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from kdbook.data.own import own_items
from kdbook.training import CachedTeacher, Distillation, HardLabels, adam, fit, predict
from kdbook.training.report import ALONE, DISTILLED
from tests.training.own_cases import CLASSES, TEST, Points, X, Y, good_teacher, quick, samples, small_student, wrong


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


class Answering(nn.Module):
    """A net whose answer is wrapped, or whose inputs have names."""

    def __init__(self, wrap, net=None):
        super().__init__()
        self.net, self.wrap = net or good_teacher(), wrap

    def forward(self, points):
        return self.wrap(self.net(points))


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
