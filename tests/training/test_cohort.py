import pytest
import torch

from kdbook.nets.vision import MLP
from kdbook.training import (
    Batch,
    CachedTeacher,
    Distillation,
    HardLabels,
    LiveTeacher,
    OwnRates,
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


def test_each_student_of_a_stack_gets_the_gradient_that_it_would_get_alone(quadrants, teacher):
    split, models = quadrants(), students()
    cohort = stack(models)
    batch_of = (split.images(), split.y, split.index, 12, True)
    rows, _ = Distillation(teacher, TEMPERATURE, ALPHA)(cohort, Batch(*batch_of))
    rows.mean(-1).sum().backward()
    for s, (model, (temperature, alpha)) in enumerate(zip(models, SETTINGS, strict=True)):
        Distillation(teacher, temperature, alpha)(model, Batch(*batch_of))[0].mean().backward()
        for layer, weight, bias in zip(model.layers, cohort.weights, cohort.biases, strict=True):
            torch.testing.assert_close(weight.grad[s].T, layer.weight.grad, rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(bias.grad[s, 0], layer.bias.grad, rtol=1e-4, atol=1e-6)


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


def test_students_of_a_cohort_do_not_disturb_each_other(quadrants):
    split = quadrants()
    torch.manual_seed(0)
    first, second, third = (MLP([36, 8, 4]) for _ in range(3))
    settings = {"epochs": 3, "batch_size": 32, "optimizer": sgd(0.1), "seed": 3, "progress": False}
    pairs = [stack([first, second]), stack([first, third])]
    for pair in pairs:
        fit(pair, HardLabels(), split, **settings)
    assert_same_weights(unstack(pairs[0])[0], unstack(pairs[1])[0], atol=1e-6)


def test_a_cohort_resumes_bit_identical(tmp_path, quadrants, monkeypatch):
    monkeypatch.setattr("kdbook.training.loop.CHECKPOINT_SECONDS", 0.0)
    settings = {"epochs": 4, "batch_size": 32, "optimizer": sgd(0.1), "seed": 3}
    unbroken, broken, resumed = (stack(students()) for _ in range(3))
    fit(unbroken, HardLabels(), quadrants(), progress=False, **settings)

    def stop(epoch, epochs):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(broken, HardLabels(), quadrants(), progress=stop, checkpoint=tmp_path / "c.pt", **settings)
    fit(resumed, HardLabels(), quadrants(), progress=False, checkpoint=tmp_path / "c.pt", **settings)
    assert all(torch.equal(a, b) for a, b in zip(unbroken.parameters(), resumed.parameters(), strict=True))


def test_unstacking_gives_the_stacked_students_back():
    models = students()
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


def test_a_stack_knows_its_number_of_students():
    assert len(stack(students()[:3])) == 3


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([], "at least one MLP"),
        ([MLP([4, 3, 2]), MLP([4, 5, 2])], r"must have equal sizes, got \[\(4, 3, 2\), \(4, 5, 2\)\]"),
        ([MLP([4, 2], input_dropout=0.1)], "neither dropout nor max_norm: train them one by one"),
        ([MLP([4, 3, 2]), MLP([4, 3, 2], hidden_dropout=0.5)], "neither dropout nor max_norm"),
        ([MLP([4, 3, 2], max_norm=3.5)], "neither dropout nor max_norm"),
    ],
)
def test_students_that_cannot_be_stacked_are_refused(models, message):
    with pytest.raises(ValueError, match=message):
        stack(models)


def test_each_student_of_a_cohort_learns_as_it_would_alone_at_its_own_rate(quadrants):
    torch.manual_seed(0)
    split, teacher = quadrants(64), LiveTeacher(MLP([36, 20, 4]))
    students = [MLP([36, 8, 4]) for _ in range(3)]
    temperatures, rates = [1.0, 4.0, 20.0], [0.2, 0.05, 0.1]

    def trained(model, objective, rate):
        settings = {"epochs": 3, "batch_size": 16, "optimizer": sgd(rate), "seed": 1, "progress": False}
        fit(model, objective, split, **settings)
        return model

    objective = OwnRates(Distillation(teacher, torch.tensor(temperatures)[:, None]), rates)
    together = unstack(trained(stack(students), objective, rates[0]))
    for student, found, temperature, rate in zip(students, together, temperatures, rates, strict=True):
        before = [p.detach().clone() for p in student.parameters()]
        alone = trained(student, Distillation(teacher, temperature), rate)
        for start, p, q in zip(before, alone.parameters(), found.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-3, atol=1e-4)
            assert float((p.detach() - start).abs().max()) > 1e-2
