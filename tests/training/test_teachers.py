import numpy as np
import pytest
import torch
from scipy.special import log_softmax, logsumexp, softmax

from kdbook.data import CENTRE_VIEW, VIEWS, load_images
from kdbook.nets.vision import MLP
from kdbook.training import (
    ApiTeacher,
    CachedTeacher,
    EnsembleTeacher,
    LiveTeacher,
    SoftTargets,
    predict,
    stack,
)
from kdbook.training.teachers import Looking


class FixedTeacher:
    """Answers the same logits to whatever it is asked."""

    def __init__(self, logits):
        self.logits = torch.as_tensor(logits, dtype=torch.float32)

    def soft_targets(self, x, index, view=CENTRE_VIEW):
        return SoftTargets(self.logits[index], [self.logits])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return MLP([36, 20, 4], input_dropout=0.2, hidden_dropout=0.5)


@pytest.fixture
def logits():
    return torch.randn(40, 5, generator=torch.Generator().manual_seed(1)) * 3


ROWS = torch.arange(40)


def test_a_cached_teacher_says_what_the_live_one_says_under_every_view():
    split = load_images("mnist", "test").rows(slice(50)).shifted()
    torch.manual_seed(0)
    model = MLP([784, 30, 10])
    live, cached = LiveTeacher(model), CachedTeacher.of(model, split)
    for view in range(VIEWS):
        expected = live.soft_targets(split.images(view=view), split.index, view).logits
        found = cached.soft_targets(None, split.index, view).logits
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_a_cached_teacher_looks_up_by_sample_index_and_view_on_a_subset(model, quadrants):
    split = quadrants().without([0, 2]).shifted()
    generator = torch.Generator().manual_seed(0)
    rows = torch.randperm(len(split), generator=generator)[:30]
    view = torch.randint(VIEWS, (30,), generator=generator)
    found = CachedTeacher.of(model, split).soft_targets(None, split.index[rows], view).logits
    expected = LiveTeacher(model).soft_targets(split.images(rows, view), split.index[rows]).logits
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_a_cache_of_unshifted_images_serves_a_subset_of_its_split(model, quadrants):
    split = quadrants()
    cached, part = CachedTeacher.of(model, split), split.without([0])
    expected = model.eval()(part.images()).logits.detach()
    torch.testing.assert_close(cached.soft_targets(None, part.index).logits, expected, rtol=0, atol=1e-5)


def test_a_cache_of_unshifted_images_refuses_a_shifted_one(model, quadrants):
    split = quadrants()
    cached = CachedTeacher.of(model, split)
    for view in (0, torch.zeros(len(split)).long()):
        with pytest.raises(ValueError, match=r"unshifted images only: build it from split.shifted\(\)"):
            cached.soft_targets(None, split.index, view)


def test_a_sample_that_was_never_cached_is_named(model, quadrants):
    split = quadrants()
    cached = CachedTeacher.of(model, split.without([0]))
    with pytest.raises(IndexError, match="sample 5 was not cached"):
        cached.soft_targets(None, split.index)


@pytest.mark.parametrize("shape", [(3, 10, 4), (1, 9, 4), (10, 4)])
def test_a_cache_of_the_wrong_shape_is_refused(shape):
    with pytest.raises(ValueError, match="logits must be"):
        CachedTeacher(torch.zeros(shape), torch.arange(10))


def test_a_live_teacher_answers_in_eval_mode_and_leaves_its_model_as_it_is(model):
    teacher, x = LiveTeacher(model), torch.rand(6, 6, 6)
    expected = teacher.soft_targets(x, None).logits
    model.train()
    assert torch.equal(teacher.soft_targets(x, None).logits, expected)
    assert model.training and all(p.requires_grad for p in model.parameters())


def test_a_live_teacher_shows_its_features_and_gives_no_gradient_to_its_weights_or_its_input(model):
    x = torch.rand(6, 6, 6, requires_grad=True)
    logits, features = LiveTeacher(model).soft_targets(x, None)
    assert torch.equal(features[0], model.eval()(x).features[0])
    assert not any(t.requires_grad for t in (logits, *features))


class Naming:
    """A teacher whose answer names the view and the sample."""

    def soft_targets(self, x, index, view):
        return SoftTargets(torch.stack(torch.broadcast_tensors(torch.as_tensor(view), index), -1))


@pytest.mark.parametrize(("look", "views"), [("same", [3, 24, 7]), ("fixed", [CENTRE_VIEW] * 3)])
def test_a_teacher_looks_at_the_students_view_or_always_at_the_unshifted_image(look, views):
    index = torch.tensor([5, 0, 2])
    answer = Looking(Naming(), look).soft_targets(None, index, torch.tensor([3, 24, 7])).logits
    assert answer.tolist() == [list(pair) for pair in zip(views, [5, 0, 2], strict=True)]


def test_an_independent_teacher_looks_at_any_view_of_the_same_images():
    torch.manual_seed(0)
    index = torch.arange(6).repeat(500)
    answer = Looking(Naming(), "other").soft_targets(None, index, torch.full((3000,), 7)).logits
    assert torch.equal(answer[:, 1], index)
    counts = torch.bincount(answer[:, 0], minlength=VIEWS)
    assert counts.min() > 70 and counts.max() < 180  # 120 expected, of standard deviation 11


def test_an_unknown_look_is_named():
    with pytest.raises(ValueError, match="look must be 'same', 'other' or 'fixed', got 'none'"):
        Looking(Naming(), "none")


def test_each_student_of_a_cohort_is_told_by_its_own_teacher_by_sample_index():
    teacher = CachedTeacher(torch.arange(24.0).reshape(2, 1, 4, 3), torch.tensor([7, 1, 4, 9]))
    found = teacher.soft_targets(None, torch.tensor([9, 7])).logits
    assert found.tolist() == [[[9, 10, 11], [0, 1, 2]], [[21, 22, 23], [12, 13, 14]]]
    with pytest.raises(IndexError, match="sample 2 was not cached"):
        teacher.soft_targets(None, torch.tensor([1, 2]))


def test_an_arithmetic_ensemble_averages_probabilities(logits):
    several = [logits.roll(k, -1) for k in range(3)]
    found = EnsembleTeacher([FixedTeacher(z) for z in several]).soft_targets(None, ROWS).logits
    expected = np.mean([softmax(z.double().numpy(), -1) for z in several], 0)
    np.testing.assert_allclose(found.exp().numpy(), expected, rtol=1e-5)


def test_a_geometric_ensemble_averages_log_probabilities_and_renormalises(logits):
    several = [logits.roll(k, -1) for k in range(3)]
    found = EnsembleTeacher([FixedTeacher(z) for z in several], "geometric").soft_targets(None, ROWS).logits
    mean = np.mean([log_softmax(z.double().numpy(), -1) for z in several], 0)
    expected = np.exp(mean - logsumexp(mean, -1, keepdims=True))
    np.testing.assert_allclose(found.softmax(-1).numpy(), expected, rtol=1e-5)


def test_an_arithmetic_ensemble_stays_finite_where_probabilities_underflow():
    sure = FixedTeacher([[300.0, 0.0, 0.0]])
    found = EnsembleTeacher([sure, sure]).soft_targets(None, torch.tensor([0])).logits
    torch.testing.assert_close(found, torch.tensor([[0.0, -300.0, -300.0]]))


def test_an_ensemble_of_one_is_that_teacher(logits):
    for mean in ("arithmetic", "geometric"):
        found = EnsembleTeacher([FixedTeacher(logits)], mean).soft_targets(None, ROWS).logits
        torch.testing.assert_close(found, logits.log_softmax(-1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], "arithmetic"), "at least one teacher"),
        (([FixedTeacher([[0.0]])], "median"), "mean must be 'arithmetic' or 'geometric', got 'median'"),
    ],
)
def test_an_impossible_ensemble_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        EnsembleTeacher(*arguments)


def test_an_api_that_reveals_the_label_hides_all_but_the_top_class(logits):
    answer = ApiTeacher(FixedTeacher(logits), "label", floor=0.01).soft_targets(None, ROWS)
    p = answer.logits.softmax(-1)
    expected = torch.full((40, 5), 0.01 / 5).scatter(-1, logits.argmax(-1, keepdim=True), 0.99 + 0.01 / 5)
    torch.testing.assert_close(p, expected)
    assert answer.features is None


def test_many_samples_of_an_api_approach_the_teachers_probabilities(logits):
    torch.manual_seed(0)
    count = 40_000
    p = ApiTeacher(FixedTeacher(logits), "samples", count=count, floor=0.0).soft_targets(None, ROWS).logits.softmax(-1)
    assert float((p - logits.softmax(-1)).abs().max()) < 5 * 0.5 / count**0.5


def test_an_api_that_reveals_the_top_k_keeps_them_and_spreads_the_missing_mass(logits):
    answer = ApiTeacher(FixedTeacher(logits), "top_k", count=2).soft_targets(None, ROWS).logits
    for found, row in zip(answer.double().numpy(), logits.double().numpy(), strict=True):
        p = softmax(row)
        top = np.argsort(row)[-2:]
        expected = np.full(5, (1 - p[top].sum()) / 3)
        expected[top] = p[top]
        np.testing.assert_allclose(np.exp(found), expected, rtol=1e-3, atol=1e-7)


def test_an_api_that_reveals_all_classes_is_the_teacher(logits):
    answer = ApiTeacher(FixedTeacher(logits), "top_k", count=9).soft_targets(None, ROWS).logits
    torch.testing.assert_close(answer, logits.log_softmax(-1))


def test_features_of_an_api_cannot_be_had(logits):
    teacher = ApiTeacher(FixedTeacher(logits))
    assert teacher.soft_targets(None, ROWS).features is None


def test_logits_of_an_api_stay_finite_for_a_teacher_that_is_infinitely_sure():
    sure = FixedTeacher([[500.0, 0.0, -500.0]])
    for reveals in ("label", "samples", "top_k"):
        assert bool(ApiTeacher(sure, reveals).soft_targets(None, torch.tensor([0])).logits.isfinite().all())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reveals": "logits"}, "reveals must be 'label', 'samples' or 'top_k', got 'logits'"),
        ({"count": 0}, "count must be a whole number, 1 or more, got 0"),
    ],
)
def test_an_impossible_api_is_refused(logits, arguments, message):
    with pytest.raises(ValueError, match=message):
        ApiTeacher(FixedTeacher(logits), **arguments)


def test_predict_goes_through_a_split_in_order_whatever_the_batch_size(model, quadrants):
    split = quadrants(50)
    expected = model.eval()(split.images()).logits.detach()
    model.train()
    for batch_size in (7, 50, 2000):
        torch.testing.assert_close(predict(model, split, batch_size=batch_size).logits, expected)
    assert model.training


def test_predict_shifts_each_image_by_its_own_view(model, quadrants):
    split = quadrants(50)
    view = torch.arange(50) % VIEWS
    expected = model.eval()(split.images(slice(None), view)).logits.detach()
    torch.testing.assert_close(predict(model, split, view=view, batch_size=8).logits, expected)


def test_predict_of_a_stack_has_the_students_first(quadrants):
    split, students = quadrants(50), [MLP([36, 8, 4]) for _ in range(3)]
    found = predict(stack(students), split, batch_size=16).logits
    torch.testing.assert_close(found, torch.stack([predict(s, split).logits for s in students]))


def test_a_cache_with_features_says_what_the_live_teacher_says(quadrants):
    split = quadrants()
    torch.manual_seed(0)
    model = MLP([36, 8, 5, 4])
    cached = CachedTeacher.of(model, split, layers=(0, -1))
    rows = torch.tensor([7, 0, 3])
    index = split.index[rows]
    expected = LiveTeacher(model).soft_targets(split.images(rows), index)
    found = cached.soft_targets(None, index)
    torch.testing.assert_close(found.logits, expected.logits)
    torch.testing.assert_close(found.features, expected.features)


def test_a_cache_shows_only_the_layers_that_were_kept_and_asked_for(quadrants):
    split = quadrants()
    cached = CachedTeacher.of(MLP([36, 8, 5, 4]), split, layers=(0, 1))
    index = split.index[:4]
    first, last = cached.showing((-1,)).soft_targets(None, index).features
    assert first is None and last.shape == (4, 5)
    assert cached.showing().soft_targets(None, index).features is None
    assert CachedTeacher.of(MLP([36, 8, 4]), split).soft_targets(None, index).features is None
    assert [f.shape for f in cached.soft_targets(None, index).features] == [(4, 8), (4, 5)]


def test_features_of_all_shifts_are_refused(quadrants):
    with pytest.raises(ValueError, match="features of 25 views are not cached"):
        CachedTeacher.of(MLP([36, 8, 4]), quadrants().shifted(), layers=(0,))
