"""Sampling with a cache, beams, and objectives on given texts and on the student's own."""

import pytest
import torch
from torch import nn

from kdbook.losses.sequence import reverse_kl, token_kd
from kdbook.nets.gpt import GPT
from kdbook.training.objectives import Batch
from kdbook.training.sequences import (
    OnPolicy,
    TeacherForced,
    beam,
    greedy,
    labels,
    log_probs,
    sample,
    shifted,
    soft,
    top_k,
)

X = torch.tensor([[1, 5, 6, 7, 2], [1, 8, 2, 0, 0]])
BATCH = Batch(X, torch.zeros(2), torch.arange(2), 12, True)


def model(seed=0, vocabulary=12, length=8, **net):
    torch.manual_seed(seed)
    return GPT(**{"layers": 1, "width": 16, "heads": 2, **net}, vocabulary=vocabulary, length=length)


def starts(count):
    return torch.ones(count, 1, dtype=torch.int64)


def test_what_is_shown_is_one_token_before_what_is_asked():
    shown, targets, mask = shifted(X)
    assert shown.tolist() == [[1, 5, 6, 7], [1, 8, 2, 0]]
    assert targets.tolist() == [[5, 6, 7, 2], [8, 2, 0, 0]]
    assert mask.tolist() == [[True] * 4, [True, True, False, False]]
    with pytest.raises(ValueError, match="two tokens or more, got 1"):
        shifted(X[:, :1])


@torch.no_grad()
def test_sampled_texts_have_the_models_own_frequencies():
    m = model(length=3)
    n = 20_000
    x = sample(m, starts(n), generator=torch.Generator().manual_seed(0))
    p = m(starts(1)).logits[0, 0, 1:].softmax(-1)  # filling is never drawn
    counts = torch.bincount(x[:, 1], minlength=12)[1:]
    statistic = float(((counts - n * p).square() / (n * p)).sum())
    assert statistic < 29.6  # chi-square, 10 degrees of freedom, 0.1 %
    first = int(x[:, 1].mode().values)
    rows = x[x[:, 1] == first]
    q = m(torch.tensor([[1, first]])).logits[0, 1, 1:].softmax(-1)
    counts = torch.bincount(rows[:, 2], minlength=12)[1:]
    assert float(((counts - len(rows) * q).square() / (len(rows) * q)).sum()) < 29.6


@torch.no_grad()
def test_filling_follows_the_end_and_greedy_takes_the_likeliest_token():
    m = model()
    x = sample(m, starts(200), generator=torch.Generator().manual_seed(1))
    after = ((x == 2).cumsum(1) - (x == 2).long()) > 0
    assert bool((x[after] == 0).all()) and bool(after.any())
    ends = greedy(m, starts(1))[0]
    for n in range(1, len(ends)):
        if ends[n]:
            assert int(ends[n]) == int(m(ends[None, :n]).logits[0, -1].argmax())


@torch.no_grad()
def test_a_wide_beam_finds_the_likeliest_text_of_a_short_model():
    m = model(vocabulary=5, length=4, width=8)
    found = beam(m, starts(1), beams=25)[0].tolist()

    def score(text):
        return sum(
            float(m(torch.tensor([text[:n]])).logits[0, -1].log_softmax(-1)[text[n]]) for n in range(1, len(text))
        )

    texts, best = [[1]], {}
    while texts:
        text = texts.pop()
        if len(text) == 4 or (len(text) > 1 and text[-1] == 2):
            best[tuple(text)] = score(text)
        else:
            texts += [[*text, v] for v in range(5)]
    likeliest = max(best, key=best.get)
    assert tuple(t for t in found if t) == tuple(t for t in likeliest if t)


def test_a_beam_of_one_is_greedy_for_prompts_that_end_at_different_places():
    m = model(3)
    prompts = torch.tensor([[1, v] for v in range(3, 12)])
    found, alone = beam(m, prompts, beams=1), greedy(m, prompts)
    assert len({int((row > 0).sum()) for row in alone}) > 1
    assert torch.equal(found, alone)


@pytest.mark.parametrize("write", [sample, greedy, beam])
@pytest.mark.parametrize(
    ("prompts", "end", "message"),
    [
        (torch.zeros(0, 1, dtype=torch.int64), 2, "one token or more"),
        (torch.zeros(2, 0, dtype=torch.int64), 2, "begin with <bos>"),
        (torch.tensor([[1, 0]]), 2, "filling: group texts of one length"),
        (torch.ones(1, 1, dtype=torch.int64), None, "end must be a token of the vocabulary .1..11. .* got None"),
        (torch.ones(1, 1, dtype=torch.int64), 12, "got 12"),
    ],
)
def test_empty_prompts_and_a_vocabulary_without_an_end_are_named(write, prompts, end, message):
    with pytest.raises(ValueError, match=message):
        write(model(), prompts, end=end)


def test_a_negative_temperature_and_no_beam_are_named():
    with pytest.raises(ValueError, match="temperature must be 0 or more, got -1"):
        sample(model(), starts(1), temperature=-1)
    with pytest.raises(ValueError, match="beams must be 1 or more, got 0"):
        beam(model(), starts(1), beams=0)


RULES = [labels(), soft(token_kd, temperature=2.0), soft(reverse_kl), top_k(3, "rest"), top_k(3, "zero")]


def test_students_of_one_teacher_get_the_gradients_they_get_alone():
    teacher = model(9, layers=2)
    together = nn.ModuleList(model(seed) for seed in range(len(RULES)))
    rows, _ = TeacherForced(RULES, teacher)(together, BATCH)
    assert rows.shape == (len(RULES), 2)
    rows.mean(-1).sum().backward()
    for seed, rule in enumerate(RULES):
        alone = nn.ModuleList([model(seed)])
        TeacherForced([rule], teacher)(alone, BATCH)[0].mean(-1).sum().backward()
        for a, b in zip(alone.parameters(), together[seed].parameters(), strict=True):
            torch.testing.assert_close(a.grad, b.grad)
    assert all(p.grad is None for p in teacher.parameters())


def test_labels_are_the_cross_entropy_of_the_next_token_and_need_no_teacher():
    m = model()
    rows, _ = TeacherForced([labels()])(nn.ModuleList([m]), BATCH)
    shown, targets, mask = shifted(X)
    told = nn.functional.cross_entropy(m(shown).logits[mask], targets[mask])
    torch.testing.assert_close(rows.mean(), told)


def test_with_lambda_zero_students_learn_on_given_texts_and_with_one_on_their_own(monkeypatch):
    asked, teacher = [], model(9)
    monkeypatch.setattr(teacher, "forward", lambda x, own=teacher.forward: (asked.append(x), own(x))[1])
    students = nn.ModuleList([model(0), model(1)])
    torch.manual_seed(0)
    rows, _ = OnPolicy(teacher, [0.0, 1.0], [0.0, 1.0])(students, BATCH)
    given, own = asked
    assert torch.equal(given, X[:, :-1]) and bool((own[:, 0] == 1).all())
    shown, _, mask = shifted(X)
    torch.testing.assert_close(rows[0].mean(), token_kd(students[0](shown).logits, teacher(shown).logits, mask))
    mask = (own != 0) & (own != 2)
    expected = reverse_kl(students[1](own).logits, teacher(own).logits, mask)
    torch.testing.assert_close(rows[1].mean(), expected)
    assert all(student.training for student in students)


@pytest.mark.parametrize("value", [-0.1, 1.01, float("nan")])
def test_lambda_and_beta_outside_0_to_1_are_named(value):
    with pytest.raises(ValueError, match=r"lambda must be in \[0, 1\]"):
        OnPolicy(model(), [value], [0.5])
    with pytest.raises(ValueError, match=r"beta must be in \[0, 1\]"):
        OnPolicy(model(), [0.5], [value])


def test_log_probabilities_batch_by_batch_are_those_of_one_batch():
    m = model()
    found = log_probs(m, X, batch_size=1)
    assert found.shape == (2, 4, 12)
    torch.testing.assert_close(found, m(X[:, :-1]).logits.log_softmax(-1), rtol=1e-4, atol=1e-5)
