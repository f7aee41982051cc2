import math

import pytest
import torch
import torch.nn.functional as F

from kdbook.book.dark_knowledge import (
    TEMPERATURES,
    class_similarity,
    gradient_noise,
    linear_cka,
    off_diagonal_correlation,
)
from kdbook.losses import entropy_bits
from kdbook.nets.vision import MLP


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_entropy_is_in_bits_and_zero_for_certainty():
    p = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    assert entropy_bits(p).tolist() == [2.0, 1.0, 0.0]


def test_class_similarity_by_hand():
    probabilities = torch.tensor([[0.7, 0.3], [0.5, 0.5], [0.1, 0.9]])
    found = class_similarity(2 * probabilities.log(), torch.tensor([0, 0, 1]), temperature=2.0)
    torch.testing.assert_close(found, torch.tensor([[0.6, 0.4], [0.1, 0.9]]))


def test_off_diagonal_correlation_ignores_the_diagonal_and_the_scale(generator):
    a = torch.randn(6, 6, generator=generator)
    b = 3 * a - 2 + torch.diag(torch.randn(6, generator=generator) * 100)
    assert off_diagonal_correlation(a, b) == pytest.approx(1)
    assert off_diagonal_correlation(a, -a) == pytest.approx(-1)
    assert math.isnan(off_diagonal_correlation(a, torch.ones(6, 6)))


def test_cka_of_equal_features_is_one_and_of_unrelated_ones_small(generator):
    a, b = torch.randn(4000, 5, generator=generator), torch.randn(4000, 7, generator=generator)
    assert linear_cka(a, a) == pytest.approx(1)
    assert linear_cka(a, b) < 0.01


def test_cka_does_not_change_under_rotation_scale_shift_or_exchange(generator):
    a = torch.randn(200, 5, generator=generator).double()
    b = torch.relu(a @ torch.randn(5, 8, generator=generator).double())
    rotation, _ = torch.linalg.qr(torch.randn(8, 8, generator=generator).double())
    expected = linear_cka(a, b)
    assert 0.1 < expected < 0.99
    assert linear_cka(a, 7 * b @ rotation + 3) == pytest.approx(expected)
    assert linear_cka(b, a) == pytest.approx(expected)


def test_cka_does_change_under_a_linear_map_that_is_no_rotation(generator):
    a = torch.randn(200, 5, generator=generator)
    assert linear_cka(a, a * torch.tensor([10.0, 1, 1, 1, 1])) < 0.9


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_gradient_noise_is_that_of_autograds_gradients_one_example_at_a_time(generator, temperature):
    torch.manual_seed(0)
    model = MLP([9, 6, 4])
    x, teacher = torch.randn(30, 9, generator=generator), torch.randn(30, 4, generator=generator)
    gradients = []
    for one, target in zip(x, teacher, strict=True):
        model.zero_grad()
        logits = model(one[None]).logits[0] / temperature
        F.kl_div(logits.log_softmax(-1), (target / temperature).softmax(-1), reduction="sum").backward()
        gradients.append(model.layers[-1].weight.grad.flatten().clone())
    gradients = torch.stack(gradients).double()
    expected = float(gradients.var(0, correction=0).sum() / gradients.mean(0).square().sum())
    out = model(x)
    difference = (out.logits / temperature).softmax(-1) - (teacher / temperature).softmax(-1)
    assert gradient_noise(out.features[-1].detach(), difference.detach()) == pytest.approx(expected, rel=1e-4)


def test_equal_gradients_have_no_noise():
    assert gradient_noise(torch.ones(5, 3), torch.tensor([[0.5, -0.5]]).expand(5, 2)) == pytest.approx(0, abs=1e-6)


def test_a_small_run_measures_answers_that_obey_the_laws_of_information(micro, micro_store, documented):
    table, measured = micro("dark_knowledge")
    documented("dark_knowledge", table, measured)
    teacher = table[table.arm == "teacher"]
    assert teacher.temperature.tolist() == list(TEMPERATURES)
    assert teacher.entropy_bits.is_monotonic_increasing
    assert teacher.information_bits.between(0, math.log2(10)).all() and teacher.information_bits.is_monotonic_decreasing
    assert (teacher.entropy_bits + teacher.information_bits <= math.log2(10) + 1e-5).all()
    assert (teacher.top > teacher.runner_up).all() and teacher.gradient_variance_hard.nunique() == 1
    students = table[table.arm != "teacher"].set_index("arm")
    assert set(students.index) == {"untrained", "hard", "distilled", "distilled_shifted"}
    for column in ("similarity", "confusion"):
        assert students[column].between(-1, 1).all()
    for column in ("cka", "shared_mistakes", "entropy_auc"):
        assert students[column].between(0, 1).all()
    first = next(iter(measured))
    pictures = micro_store.read(first).pictures
    assert pictures["twos_labels"].tolist() == [2] * len(pictures["twos_labels"])
    assert len(pictures["twos_images"]) == len(pictures["twos_logits"])
    least, most = (torch.from_numpy(pictures[f"{k}_certain_logits"]).softmax(-1) for k in ("least", "most"))
    assert float(entropy_bits(least).min()) > float(entropy_bits(most).max())
