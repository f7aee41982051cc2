"""Nets, sets and caches that a reader brings along: right numbers, or a sentence; and nothing of theirs is changed."""

import time
from collections import OrderedDict
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from kdbook.data import load_images
from kdbook.nets.vision import MLP, Outputs
from kdbook.training import (
    ApiTeacher,
    CachedTeacher,
    Distillation,
    EnsembleTeacher,
    HardLabels,
    LiveTeacher,
    checkpoint,
    fit,
    one_cycle,
    predict,
    sgd,
    stack,
)
from kdbook.training import objectives as o
from kdbook.training.teachers import Looking
from tests.faults.objective_cases import CASES, images, mlp


class Plain(nn.Module):
    """A net as people write them: dropout, batch norm, and an answer of its own kind."""

    def __init__(self, answer=lambda logits: logits, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.answer = answer
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 4))

    def forward(self, x):
        return self.answer(self.layers(x))


ANSWERS = {
    "tensor": lambda logits: logits,
    "attribute": lambda logits: SimpleNamespace(logits=logits),
    "mapping": lambda logits: OrderedDict(loss=None, logits=logits),
    "outputs": lambda logits: Outputs(logits, []),
}
SETTINGS = {"epochs": 2, "batch_size": 2, "optimizer": sgd(0.05), "seed": 1, "progress": False}  # two rows: see A6
NO_FEATURES = [
    "HardLabels", "Distillation", "WithoutFactor", "LogitRegression", "Logged", "MutualLearning", "Collaborative",
    "CoTrained", "ProgressiveSelf", "OwnRates", "Seen", "Cropped", "Mixup", "RegularisedSpecialist",
    "StandardizedDistillation", "DecoupledDistillation", "CorrelatedDistillation",
]  # fmt: skip
ASK_MORE = {
    "features": {"Transfer", "Pairwise", "Flow", "Contrastive", "SelfExits"},
    "a cohort of MLPs": {"PartlyLabelled", "TreatedTargets"},
    "tokens": {
        "TeacherForced", "OnPolicy", "PolicyGradient", "MaskedLM", "TripleDistillation", "LayerDistillation",
        "labels", "soft", "top_k", "recorded", "across_vocabularies",
    },
}  # fmt: skip


def test_each_objective_is_said_to_take_any_net_or_what_more_it_needs():
    assert {*NO_FEATURES, *set().union(*ASK_MORE.values())} == set(CASES)


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("name", NO_FEATURES)
def test_any_net_is_student_and_teacher_of_an_objective_without_features(name, kind):
    models, objective, split = CASES[name]()
    inner = getattr(objective, "objective", objective)
    ends = []
    for answer in (ANSWERS["tensor"], ANSWERS[kind]):
        if hasattr(inner, "teacher"):
            inner.teacher = LiveTeacher(Plain(answer, seed=9))
        count = len(models) if isinstance(models, nn.ModuleList) else 0
        students = nn.ModuleList(Plain(answer, s) for s in range(count)) if count else Plain(answer)
        _, fresh, _ = CASES[name]()
        if hasattr(inner, "teacher"):
            getattr(fresh, "objective", fresh).teacher = inner.teacher
        fit(students, fresh, split, **SETTINGS)
        assert not any(m.training for m in students.modules())
        ends.append(students.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ends[0].values(), ends[1].values(), strict=True))


@pytest.mark.parametrize(
    "answer", [lambda z: (z, []), lambda z: None, lambda z: z.argmax(-1), lambda z: {"out": z}, lambda z: z[0, 0]]
)
@pytest.mark.parametrize("asked", [
    lambda net, x: LiveTeacher(net).soft_targets(x, None),
    lambda net, x: predict(net, images()),
    lambda net, x: CachedTeacher.of(net, images()),
    lambda net, x: fit(net, HardLabels(), images(), **SETTINGS),
    lambda net, x: fit(nn.ModuleList([net]), HardLabels(), images(), **SETTINGS),
    lambda net, x: fit(net, o.SelfExits(), images(), **SETTINGS),
])  # fmt: skip
def test_another_answer_is_refused_by_everyone_who_asks(answer, asked):
    with pytest.raises(TypeError, match="a net must answer with logits .* got .*: let its forward return one of these"):
        asked(Plain(answer), images().images())


def test_a_row_of_two_is_no_pair_of_logits_and_features():
    net = Plain().eval()
    x = images(2).images()
    found = LiveTeacher(net).soft_targets(x, None)
    assert torch.equal(found.logits, net(x)) and found.features is None


@pytest.mark.parametrize("use", [
    lambda net: predict(net, images()),
    lambda net: CachedTeacher.of(net, images()),
    lambda net: LiveTeacher(net).soft_targets(images().images(), None),
    lambda net: fit(mlp(), Distillation(LiveTeacher(net)), images(), **SETTINGS),
    lambda net: fit(mlp(), Distillation(EnsembleTeacher([LiveTeacher(net)])), images(), **SETTINGS),
])  # fmt: skip
def test_a_net_that_is_asked_stays_as_it_is(use):
    net = Plain()
    net.layers[2].eval()  # a user may freeze one layer's statistics
    net.layers[1].weight.requires_grad_(False)
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    modes, grads = [m.training for m in net.modules()], [p.requires_grad for p in net.parameters()]
    use(net)
    assert [m.training for m in net.modules()] == modes and [p.requires_grad for p in net.parameters()] == grads
    assert all(torch.equal(weights[name], value) for name, value in net.state_dict().items())


def kept_of(split):
    """Everything that is looked up by index, made for a split: objectives by name."""
    logits = torch.randn(1, len(split), 4, generator=torch.Generator().manual_seed(0))
    cached = CachedTeacher.of(mlp(9), split)
    term = o.Contrastive(len(split), 8, 5)
    term.origin = split.origin
    return {
        "cached": (mlp(), Distillation(cached)),
        "cached, from logits": (mlp(), Distillation(CachedTeacher(logits, split.index, origin=split.origin))),
        "cohort": (stack([mlp()]), Distillation(CachedTeacher(logits[None], split.index, origin=split.origin))),
        "looking": (mlp(), Distillation(Looking(cached, "fixed"))),
        "ensemble": (mlp(), Distillation(EnsembleTeacher([LiveTeacher(mlp()), cached]))),
        "api": (mlp(), Distillation(ApiTeacher(cached))),
        "treated": (
            stack([mlp()]),
            o.TreatedTargets([(1.0, "teacher", "answer")], {"teacher": cached}),
        ),
        "wrapped": (mlp(), o.Seen(Distillation(cached))),
        "last epoch's answers": (nn.ModuleList([mlp()]), o.ProgressiveSelf(split, epochs=2, classes=4)),
        "known labels": (mlp(), o.HardLabels(worth=torch.ones(20))),
        "memory": (o.Regressed(mlp(), {}, nn.Linear(8, 8)), o.Transfer(LiveTeacher(mlp()), term, 0.1)),
        "features": (
            mlp(),
            o.Transfer(CachedTeacher.of(mlp(9), split, (0,)), o.Pairwise(CASES["Pairwise"]()[1].term.loss, (0,)), 1.0),
        ),
    }


@pytest.mark.parametrize("name", kept_of(images()))
def test_what_is_kept_by_index_serves_its_set_and_refuses_another_by_name(name):
    one, other = images(), images()
    other = replace(other, x=other.x.flip(0), origin="")
    assert one.origin != other.origin
    model, objective = kept_of(one)[name]
    fit(model, objective, one.rows(one.y < 3), **SETTINGS)
    with pytest.raises(ValueError, match=f"must be asked about '{one.origin}', .*, got '{other.origin}'"):
        fit(model, objective, other, **SETTINGS)


def test_what_was_made_without_a_set_belongs_to_the_first_that_it_is_asked_about():
    split = images()
    objective = Distillation(CachedTeacher(torch.randn(1, 20, 4), split.index))
    fit(mlp(), objective, split, **SETTINGS)
    with pytest.raises(ValueError, match="must be asked about"):
        fit(mlp(), objective, replace(split, x=split.x.flip(0), origin=""), **SETTINGS)


def test_parts_of_a_set_keep_its_name_and_the_books_sets_have_one():
    split = images()
    for part in (split.rows(split.y < 2), split.without([1]), split.to("cpu"), split.shifted()):
        assert part.origin == split.origin
    assert images().origin == split.origin != images(19).origin
    names = [load_images("mnist", part).origin for part in ("train", "fit", "validation", "test")]
    assert names[0] == names[1] == names[2] and names[0].startswith("mnist/train ")
    assert names[3].startswith("mnist/test ")


@pytest.mark.parametrize("index", [torch.tensor([0, 1, 1]), torch.tensor([0, -1, 2])])
def test_an_index_that_is_negative_or_names_a_sample_twice_is_refused(index):
    for make in (
        lambda: CachedTeacher(torch.randn(1, 3, 4), index),
        lambda: CachedTeacher(torch.randn(2, 1, 3, 4), index),
        lambda: replace(images(3), index=index),
    ):
        with pytest.raises(ValueError, match=f"index must be 0 or more and name each sample once, got {index[1]}"):
            make()


def test_the_fingerprint_of_a_training_on_mnist_with_a_cached_orbit_costs_little():
    split = load_images("mnist", "train").shifted()
    teacher = CachedTeacher(torch.randn(25, 60_000, 10), split.index, origin=split.origin)  # 60 MB
    model = MLP([784, 800, 10])
    optimizer = sgd(0.1)(model.parameters())
    schedule = one_cycle(optimizer, 10)
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        checkpoint.fingerprint(model, Distillation(teacher), optimizer, schedule, (sgd, one_cycle), split=split)
        seconds.append(time.perf_counter() - began)
    print(f"fingerprint: {1000 * min(seconds):.0f} ms")
    assert min(seconds) < 1  # 30 ms on an idle core; reports say how long, tests only that it is no training


def test_one_changed_value_in_a_large_tensor_and_a_new_order_are_seen():
    from kdbook.data.images import digest

    values = torch.randn(500_000, 10)
    changed = values.clone()
    changed[123_457, 3] += 1
    assert len({digest(v) for v in (values, changed, values[torch.randperm(500_000)], values.view(10, -1))}) == 4
