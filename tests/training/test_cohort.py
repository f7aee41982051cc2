from unittest.mock import patch

import pytest
import torch

from kdbook.nets.vision import MLP
from kdbook.training import (
    CachedTeacher,
    Distillation,
    HardLabels,
    fit,
    loop,
    predict,
    sgd,
    stack,
    unstack,
)

SETTINGS = [(1.0, 1.0), (4.0, 0.9), (4.0, 0.0), (20.0, 0.5)]  # temperature and alpha of each student
TEMPERATURE, ALPHA = torch.tensor(SETTINGS).T[:, :, None]  # (S, 1) each


def students(sizes=(36, 12, 8, 4)):
    torch.manual_seed(0)
    return [MLP(sizes) for _ in SETTINGS]


@pytest.fixture
def teacher(quadrants):
    torch.manual_seed(9)
    return CachedTeacher.of(MLP([36, 30, 4]), quadrants().shifted())


def assert_same_weights(first, second, atol):
    for (name, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=atol, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("sizes", [(36, 4), (36, 12, 4), (36, 12, 8, 4)])
def test_a_stack_answers_what_each_student_answers_alone(quadrants, sizes):
    x, models = quadrants().images(), students(sizes)
    out, alone = stack(models)(x), [model(x) for model in models]
    torch.testing.assert_close(out.logits, torch.stack([a.logits for a in alone]))
    torch.testing.assert_close(out.features, [torch.stack(f) for f in zip(*(a.features for a in alone), strict=True)])


def test_each_student_of_a_cohort_ends_as_it_would_alone(quadrants, teacher):
    split, models = quadrants().shifted(), students()
    cohort = stack(models)
    settings = {"epochs": 5, "batch_size": 20, "optimizer": sgd(0.05), "seed": 3, "progress": False}
    together = fit(cohort, Distillation(teacher, TEMPERATURE, ALPHA), split, **settings)
    losses = []
    for model, trained, (temperature, alpha) in zip(models, unstack(cohort), SETTINGS, strict=True):
        before = model.layers[0].weight.detach().clone()
        alone = fit(model, Distillation(teacher, temperature, alpha), split, **settings)
        losses.append([epoch["loss"] for epoch in alone.epochs])
        assert_same_weights(trained, model, atol=1e-5)
        assert float((model.layers[0].weight.detach() - before).abs().max()) > 1e-3
    summed = [sum(epoch) for epoch in zip(*losses, strict=True)]
    assert [epoch["loss"] for epoch in together.epochs] == pytest.approx(summed, rel=1e-4)


def test_unstacking_gives_the_stacked_students_back():
    models = students()
    assert len(stack(models)) == len(models) == 4
    for model, back in zip(models, unstack(stack(models)), strict=True):
        assert back.sizes == model.sizes
        assert_same_weights(model, back, atol=0)


def test_a_stack_and_its_students_share_no_memory(quadrants):
    models = students()
    cohort = stack(models)
    before = predict(cohort, quadrants()).logits
    back = unstack(cohort)
    with torch.no_grad():
        for model in models + back:
            for parameter in model.parameters():
                parameter.zero_()
    assert torch.equal(predict(cohort, quadrants()).logits, before)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([], "at least one MLP"),
        ([MLP([4, 3, 2]), MLP([4, 5, 2])], r"must be of equal sizes, got \[\(4, 3, 2\), \(4, 5, 2\)\]"),
        ([MLP([4, 2], input_dropout=0.1)], "neither dropout nor max_norm: train them one by one"),
        ([MLP([4, 3, 2]), MLP([4, 3, 2], hidden_dropout=0.5)], "neither dropout nor max_norm"),
        ([MLP([4, 3, 2], max_norm=3.5)], "neither dropout nor max_norm"),
    ],
)
def test_students_that_cannot_be_stacked_are_refused(models, message):
    with pytest.raises(ValueError, match=message):
        stack(models)


def test_teachers_that_students_cannot_have_are_refused():
    for whose in ([0, 2], [-1, 0], [[0, 1]]):
        with pytest.raises(ValueError, match="whose must be one of the 2 teachers for each student, got"):
            CachedTeacher(torch.zeros(2, 1, 5, 4), torch.arange(5), whose=torch.tensor(whose))


def regularised(rate=0.0, max_norm=None):
    torch.manual_seed(4)
    return [MLP((36, 40, 40, 4), input_dropout=rate, hidden_dropout=rate, max_norm=max_norm) for _ in range(3)]


def test_masks_of_a_cohort_differ_from_student_to_student_and_keep_their_share():
    model = regularised(0.5)[0]
    cohort, x = stack([model, model, model], masks=True).train(), torch.ones(3, 50, 36)
    torch.manual_seed(0)
    first, second, third = cohort(x).logits
    assert not torch.equal(first, second) and not torch.equal(second, third)
    torch.manual_seed(0)
    with patch("kdbook.training.cohort.dropout", lambda x, p, training: seen.append((x.shape, p)) or x):
        seen = []
        assert torch.equal(*cohort(x).logits[:2])
    assert seen == [((3, 50, 36), 0.5), ((3, 50, 40), 0.5), ((3, 50, 40), 0.5)]


def test_a_cohort_in_eval_mode_drops_nothing():
    models = regularised(0.5)
    x = torch.rand(3, 7, 36)
    alone = torch.stack([model.eval()(one).logits for model, one in zip(models, x, strict=True)])
    torch.testing.assert_close(stack(models, masks=True).eval()(x).logits, alone)


def test_the_weights_of_every_student_of_a_cohort_are_limited_as_they_are_alone():
    models = regularised(0.0, max_norm=0.4)
    cohort = stack(models, masks=True)
    cohort.constrain_()
    for trained, model in zip(unstack(cohort), models, strict=True):
        before = model.layers[-1].weight.clone()
        model.constrain_()
        assert_same_weights(trained, model, atol=1e-6)
        assert torch.equal(model.layers[-1].weight, before)
    assert float(torch.linalg.vector_norm(cohort.rest[0].detach(), dim=1).max()) == pytest.approx(0.4)


SEEDS = (3, 4, 11)


def draws(split, size=40):
    generator = torch.Generator().manual_seed(1)
    return torch.stack([torch.randperm(len(split), generator=generator)[:size] for _ in SEEDS])


def seeded(sizes=(36, 12, 8, 4)):
    models = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        models.append(MLP(sizes))
    return models


@pytest.mark.parametrize(
    ("kind", "shifts"),
    [("labels", False), ("labels", True), ("one teacher", False), ("one teacher", True), ("a teacher each", False)]
    + [("a teacher each", True), ("two for three", True)],
)
def test_each_seed_of_a_cohort_ends_as_it_would_alone_on_its_own_draw(quadrants, kind, shifts):
    whole = quadrants()
    split, chosen, models = whole.shifted() if shifts else whole, draws(whole), seeded()
    cohort = stack(models)
    torch.manual_seed(9)
    teachers = [CachedTeacher.of(MLP([36, 30, 4]), split) for _ in SEEDS]
    if kind == "labels":
        objective, alone = HardLabels(), [HardLabels()] * len(SEEDS)
    elif kind == "one teacher":
        objective = Distillation(teachers[0], 4.0, 0.5)
        alone = [objective] * len(SEEDS)
    else:
        whose = torch.tensor([1, 0, 1] if kind == "two for three" else [0, 1, 2])
        logits = torch.stack([t.logits for t in teachers])
        objective = Distillation(CachedTeacher(logits, whole.index, whose=whose), 4.0, 0.5)
        alone = [Distillation(teachers[at], 4.0, 0.5) for at in whose]
    settings = {"epochs": 4, "batch_size": 16, "optimizer": sgd(0.05), "progress": False}
    together = fit(cohort, objective, split.drawn(chosen), seed=list(SEEDS), **settings)
    losses = []
    for model, trained, own, rows, seed in zip(models, unstack(cohort), alone, chosen, SEEDS, strict=True):
        losses.append(fit(model, own, split.rows(rows), seed=seed, **settings).loss)
        assert_same_weights(trained, model, atol=1e-5)
    assert together.loss == pytest.approx(sum(losses), rel=1e-4)


def test_a_cohort_of_draws_resumes_to_the_bit(quadrants, tmp_path):
    split = quadrants().shifted().drawn(draws(quadrants()))
    settings = {"batch_size": 16, "optimizer": sgd(0.05), "seed": SEEDS, "progress": False}
    cohorts = [stack(seeded()) for _ in range(2)]
    fit(cohorts[0], HardLabels(), split, epochs=4, **settings)

    def stop(epoch, epochs):
        if epoch == 2:
            raise KeyboardInterrupt

    interrupted = {**settings, "progress": stop, "checkpoint": tmp_path / "checkpoint"}
    with patch.object(loop, "CHECKPOINT_SECONDS", 0.0), pytest.raises(KeyboardInterrupt):
        fit(cohorts[1], HardLabels(), split, epochs=4, **interrupted)
    again = stack(seeded())
    assert fit(again, HardLabels(), split, epochs=4, **settings | {"checkpoint": tmp_path / "checkpoint"}).resumed == 2
    assert_same_weights(again, cohorts[0], atol=0)


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        (3, "seed must be one a student for a split.drawn, got 3"),
        ((1, 2), "seed must be one, or for split.drawn one a student, 3 here, got 2"),
        ((1, 2, -3), "seed must be .*0 or more, got -3"),
        ("123", "seed must be"),
    ],
)
def test_a_cohort_of_draws_needs_a_seed_for_each_student(quadrants, seed, message):
    split, settings = quadrants().drawn(draws(quadrants())), {"epochs": 1, "batch_size": 16, "optimizer": sgd(0.05)}
    with pytest.raises(ValueError, match=message):
        fit(stack(seeded()), HardLabels(), split, seed=seed, progress=False, **settings)
    with pytest.raises(ValueError, match="seed must be one, or for split.drawn one a student, 0 here, got 3"):
        fit(stack(seeded()), HardLabels(), quadrants(), seed=[1, 2, 3], progress=False, **settings)


@pytest.mark.parametrize("chosen", [torch.tensor([0, 1]), torch.tensor([[0.0]]), torch.tensor([[96]]), [[1, 2]]])
def test_draws_that_are_no_rows_of_the_samples_are_refused(quadrants, chosen):
    with pytest.raises(ValueError, match=r"chosen must be rows \(S, n\) of the 96 samples, int64, got "):
        quadrants().drawn(chosen)


def test_a_part_of_a_drawn_split_has_no_draws(quadrants):
    assert quadrants().drawn(draws(quadrants())).rows(slice(10)).chosen is None
