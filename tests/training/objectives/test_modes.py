"""The modes: their losses, who teaches whom, and that a broken-off training goes on as if nothing had happened."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdbook.data import Split
from kdbook.nets.vision import MLP, ConvNet, EarlyExits
from kdbook.training import Batch, CachedTeacher, Distillation, HardLabels, fit, loop, predict, sgd
from kdbook.training.objectives import (
    Collaborative,
    CoTrained,
    Logged,
    MutualLearning,
    ProgressiveSelf,
    SelfExits,
    who_teaches,
)
from kdbook.training.objectives.modes import min_logit, told

SETTINGS = {"epochs": 4, "batch_size": 16, "optimizer": sgd(0.1), "seed": 3, "progress": False}


def nets(count=2, seed=0):
    torch.manual_seed(seed)
    return nn.ModuleList(MLP([36, 8, 4]) for _ in range(count))


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.fixture
def split(quadrants):
    return quadrants(64)


@pytest.fixture
def batch(split):
    return Batch(split.images(), split.y, split.index, 12, True)


@pytest.fixture
def cache(split):
    return CachedTeacher.of(MLP([36, 9, 4]), split)


def kl(p, q):
    return (p * (p.log() - q.log())).sum(-1)


def test_what_is_told_by_hand():
    logits, target = torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([[0.25, 0.25, 0.5]])
    found = told(logits, target, torch.tensor([1]))
    assert float(found["entropy"]) == pytest.approx(1.5)
    assert float(found["agreement"]) == 0
    assert float(found["hard"]) == pytest.approx(math.log(math.exp(2) + 2))


def test_a_one_hot_target_tells_no_entropy_and_a_smoothed_one_its_own(batch):
    _, parts = Logged(HardLabels())(nets(1), batch)
    assert float(parts["entropy"].max()) == 0
    _, parts = Logged(HardLabels(0.1))(nets(1), batch)
    p = torch.tensor([0.925, 0.025, 0.025, 0.025])
    assert float(parts["entropy"].mean()) == pytest.approx(float(-(p * p.log2()).sum()), rel=1e-5)


def test_a_mode_without_peers_minimises_what_its_objective_does_and_logs_the_soft_targets(batch, cache):
    student, objective = nets(1), Distillation(cache, 4.0, 0.3)
    rows, parts = Logged(objective)(student, batch)
    assert torch.equal(rows[0], objective(student[0], batch)[0])
    p = (cache.logits[0] / 4).softmax(-1)
    torch.testing.assert_close(parts["entropy"], -(p * p.log2()).sum(-1))


def test_two_nets_of_one_list_learn_labels_as_each_would_alone(split):
    together, first, second = nets(), nets()[0], nets()[1]
    fit(together, HardLabels(), split, **SETTINGS)
    for alone, one in zip((first, second), together, strict=True):
        fit(alone, HardLabels(), split, **SETTINGS)
        torch.testing.assert_close(weights(one), weights(alone), rtol=1e-4, atol=1e-5)


def test_peers_learn_labels_and_each_other(batch):
    peers = nets(3)
    z = torch.stack([net(batch.x).logits for net in peers])
    rows, _ = MutualLearning()(peers, batch)
    p = z.softmax(-1)
    expected = F.cross_entropy(z[0], batch.y, reduction="none") + (kl(p[1], p[0]) + kl(p[2], p[0])) / 2
    torch.testing.assert_close(rows[0], expected)
    with pytest.raises(ValueError, match="at least two tensors, got 1"):
        MutualLearning()(nets(1), batch)


def test_the_ensemble_of_kdcl_by_hand():
    logits = torch.tensor([[[3.0, 1.0, 0.0]], [[1.0, 0.0, 2.0]]])
    assert min_logit(logits, torch.tensor([0])).tolist() == [[0.0, -2.0, -3.0]]


def test_the_ensemble_of_kdcl_is_never_less_sure_of_the_label_than_its_best_net():
    logits = torch.randn(4, 50, 6, generator=torch.Generator().manual_seed(0))
    y = torch.arange(50) % 6
    own = logits.softmax(-1).gather(-1, y.expand(4, 50)[..., None])[..., 0].amax(0)
    ensemble = min_logit(logits, y).softmax(-1).gather(-1, y[:, None])[:, 0]
    assert bool((ensemble >= own - 1e-6).all())


def test_kdcl_adds_the_ensembles_soft_targets_to_the_labels(batch):
    both = nets()
    z = torch.stack([net(batch.x).logits for net in both])
    rows, _ = Collaborative(2.0, 0.5)(both, batch)
    target = (min_logit(z, batch.y) / 2).softmax(-1)
    expected = F.cross_entropy(z[1], batch.y, reduction="none") + 0.5 * 4 * kl(target, (z[1] / 2).softmax(-1))
    torch.testing.assert_close(rows[1], expected)


def test_a_co_trained_teacher_without_feedback_learns_as_if_it_were_alone(split):
    pair, alone = nets(), nets()[1]
    fit(pair, CoTrained(1.0, 0.5), split, **SETTINGS)
    fit(alone, HardLabels(), split, **SETTINGS)
    torch.testing.assert_close(weights(pair[1]), weights(alone), rtol=1e-4, atol=1e-5)
    listening = nets()
    fit(listening, CoTrained(1.0, 0.5, feedback=0.5), split, **SETTINGS)
    assert float((weights(listening[1]) - weights(alone)).abs().max()) > 0.01


def test_ps_kd_starts_from_labels_and_then_mixes_in_the_answers_of_last_epoch_by_sample_index(split):
    mode, student = ProgressiveSelf(split, epochs=4, final=0.8, classes=4), nets(1)

    def visit(order, epoch):
        mode.start_epoch(epoch)
        return mode(student, Batch(split.images()[order], split.y[order], split.index[order], 12))

    rows, parts = visit(torch.arange(64), 0)
    torch.testing.assert_close(rows[0], F.cross_entropy(student[0](split.images()).logits, split.y, reduction="none"))
    assert float(parts["entropy"].max()) == pytest.approx(0, abs=1e-6)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(1))
    rows, _ = visit(order, 1)
    z = student[0](split.images()).logits
    target = 0.6 * F.one_hot(split.y, 4) + 0.4 * z.softmax(-1)
    torch.testing.assert_close(rows[0], -(target * z.log_softmax(-1)).sum(-1)[order])


def test_nets_with_a_table_each_learn_by_ps_kd_as_each_would_alone(split):
    three, mode = nets(3), ProgressiveSelf(split, epochs=4, classes=4)
    mode.table = mode.table.repeat(3, 1, 1)
    fit(three, mode, split, **SETTINGS)
    for together, alone in zip(three, nets(3), strict=True):
        fit(nn.ModuleList([alone]), ProgressiveSelf(split, epochs=4, classes=4), split, **SETTINGS)
        torch.testing.assert_close(weights(together), weights(alone), rtol=1e-4, atol=1e-5)


def test_the_deepest_exit_teaches_and_reversed_the_first(batch):
    torch.manual_seed(0)
    net = EarlyExits((8, 8), classes=4).eval()
    shallow, deep = net(batch.x).logits
    for reverse, (teacher, student) in ((False, (deep, shallow)), (True, (shallow, deep))):
        rows, _ = SelfExits(1.0, 0.4, reverse=reverse)(net, batch)
        taught = 0.4 * kl(teacher.softmax(-1), student.softmax(-1))
        ce = [F.cross_entropy(z, batch.y, reduction="none") for z in (teacher, student)]
        torch.testing.assert_close(rows, ce[0] + taught + 0.6 * ce[1], rtol=1e-4, atol=1e-5)


def scene(mode):
    """What `who_teaches` is asked about a mode: objective, untrained nets, a batch, sources and learners by name."""
    torch.manual_seed(5)
    split = Split(torch.randint(0, 256, (20, 28, 28), dtype=torch.uint8), torch.arange(20) % 10, torch.arange(20))
    cache, past = CachedTeacher(torch.randn(1, 20, 10), split.index), ProgressiveSelf(split, epochs=2)
    past.start_epoch(1)
    past.table = torch.rand(20, 10).softmax(-1)
    objective, learners, stored = {
        "Offline": (Distillation(cache, 4.0, 0.5), ["student"], {"frozen teacher": cache.logits}),
        "Born-Again": (Distillation(cache, 1.0), ["student"], {"generation before": cache.logits}),
        "PS-KD": (past, ["student"], {"answers of last epoch": past.table}),
        "Be Your Own Teacher": (SelfExits(1.0, 0.3), ["exit 1", "exit 2", "exit 3"], {}),
        "DML": (MutualLearning(), ["peer 1", "peer 2", "peer 3"], {}),
        "KDCL": (Collaborative(1.0), ["net 1", "net 2", "net 3"], {}),
        "Co-trained": (CoTrained(1.0, 0.5), ["student", "teacher"], {}),
        "Co-trained, feedback": (CoTrained(1.0, 0.5, 0.2), ["student", "teacher"], {}),
    }[mode]
    exits = isinstance(objective, SelfExits)
    models = EarlyExits((8, 8, 8)) if exits else nn.ModuleList(MLP([784, 8, 10]) for _ in learners)
    layers = [*models.heads, models.head] if exits else [net.layers[-1] for net in models]
    heads = dict(zip(learners, layers, strict=True))
    batch = Batch(split.images(), split.y.clone(), split.index, 12)
    sources = {"labels": batch.y, **stored, **{name: head.bias for name, head in heads.items()}}
    return objective, models, batch, sources, {name: head.weight for name, head in heads.items()}


@pytest.mark.parametrize("mode", ["Offline", "Born-Again", "PS-KD", "Be Your Own Teacher", "DML", "KDCL", "Co-trained"])
def test_the_arrows_of_a_diagram_are_found_on_the_objective(mode):
    *asked, sources, learners = scene(mode)
    everybody = {(a, b) for a in sources for b in learners if a != b}
    expected = {
        "Born-Again": {("generation before", "student")},
        "Co-trained": {("labels", "student"), ("labels", "teacher"), ("teacher", "student")},
        "Be Your Own Teacher": {("labels", f"exit {e}") for e in (1, 2, 3)} | {("exit 3", f"exit {e}") for e in (1, 2)},
    }
    assert who_teaches(*asked, sources, learners) == expected.get(mode, everybody)


def test_feedback_is_one_arrow_more_and_asking_leaves_everything_as_it_was():
    *asked, sources, learners = scene("Co-trained, feedback")
    before = {name: tensor.clone() for name, tensor in sources.items()}
    assert ("student", "teacher") in who_teaches(*asked, sources, learners)
    assert all(torch.equal(sources[name], tensor) for name, tensor in before.items())


class StoppedError(Exception):
    """Of a test."""


def test_ps_kd_broken_off_goes_on_bit_by_bit_with_its_table_of_answers(split, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)

    def trained(**changes):
        model = nets(1)
        fit(model, ProgressiveSelf(split, epochs=4, classes=4), split, **SETTINGS | changes)
        return weights(model)

    def stop(epoch, epochs):
        if epoch == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        trained(checkpoint=tmp_path / "c.pt", progress=stop)
    assert torch.equal(trained(checkpoint=tmp_path / "c.pt"), trained())


def test_an_exit_taken_out_answers_as_in_its_net_and_the_stages_are_those_of_the_plain_net():
    torch.manual_seed(1)
    plain = ConvNet((8, 12, 16), depth=2)
    torch.manual_seed(1)
    net = EarlyExits((8, 12, 16), depth=2)
    assert all(torch.equal(p, net.state_dict()[name]) for name, p in plain.named_parameters())
    x = torch.rand(5, 28, 28)
    out = net.eval()(x)
    assert out.logits.shape == (3, 5, 10) and [f.shape for f in out.features] == [(5, 16)] * 3
    for number in range(3):
        torch.testing.assert_close(net.exit(number).eval()(x), out.logits[number], rtol=1e-4, atol=1e-5)


def test_predictions_of_exits_keep_the_axis_of_exits(quadrants):
    assert predict(EarlyExits((8, 8), classes=4), quadrants(10)).logits.shape == (2, 10, 4)
