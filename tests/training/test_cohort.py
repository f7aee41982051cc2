import pytest
import torch

from kdbook.nets.vision import MLP
from kdbook.training import (
    CachedTeacher,
    Distillation,
    fit,
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
