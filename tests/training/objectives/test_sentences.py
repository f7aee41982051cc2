"""Objectives on given texts, on the student's own, and on what a teacher told of them."""

import pytest
import torch
from torch import nn

from kdbook.losses.sequence import reverse_kl, token_kd
from kdbook.nets.gpt import GPT
from kdbook.training.objectives import (
    Batch,
    OnPolicy,
    PolicyGradient,
    TeacherForced,
    labels,
    recorded,
    shifted,
    soft,
    top_k,
)

X = torch.tensor([[1, 5, 6, 7, 2], [1, 8, 2, 0, 0]])
BATCH = Batch(X, torch.zeros(2), torch.arange(2), 12, True)


def model(seed=0, vocabulary=12, length=8, **net):
    torch.manual_seed(seed)
    return GPT(**{"layers": 1, "width": 16, "heads": 2, **net}, vocabulary=vocabulary, length=length)


def test_what_is_shown_is_one_token_before_what_is_asked():
    shown, targets, mask = shifted(X)
    assert shown.tolist() == [[1, 5, 6, 7], [1, 8, 2, 0]]
    assert targets.tolist() == [[5, 6, 7, 2], [8, 2, 0, 0]]
    assert mask.tolist() == [[True] * 4, [True, True, False, False]]
    with pytest.raises(ValueError, match="two tokens or more, got 1"):
        shifted(X[:, :1])


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
    with pytest.raises(ValueError, match=r"lambdas must be in \[0, 1\]"):
        OnPolicy(model(), [value], [0.5])
    with pytest.raises(ValueError, match=r"betas must be in \[0, 1\]"):
        OnPolicy(model(), [0.5], [value])


def test_the_policy_gradient_is_the_gradient_of_the_divergence_between_whole_texts():
    """Averaged over many own texts it agrees with the exact gradient, by enumeration, for texts of two tokens."""
    student, teacher = (model(seed, vocabulary=4, length=3, width=8) for seed in (0, 1))
    texts = torch.tensor([[1, a, b] if a != 2 else [1, 2, 0] for a in (1, 2, 3) for b in (1, 2, 3)]).unique(dim=0)

    def of_texts(net):
        logits = net(texts[:, :-1]).logits.index_fill(-1, torch.tensor([0]), -torch.inf)
        told = logits.log_softmax(-1).gather(2, texts[:, 1:, None])[..., 0]
        return told.masked_fill(texts[:, 1:] == 0, 0).sum(1)

    for net in (student, teacher):  # filling is never written: take it out of both, so that both count alike
        net.net.lm_head.bias = nn.Parameter(torch.tensor([-1e4, 0, 0, 0]), requires_grad=False)
    log_q, log_p = of_texts(student), of_texts(teacher).detach()
    divergence = (log_q.exp() * (log_q - log_p)).sum()
    exact = torch.autograd.grad(divergence, student.net.lm_head.weight)[0]
    torch.manual_seed(0)
    batch = Batch(torch.ones(20_000, 1, dtype=torch.int64), None, None, 12, False)
    rows, _ = PolicyGradient(teacher)(nn.ModuleList([student]), batch)
    lengths = 1 + log_q.exp() @ (texts[:, 2] > 0).float()
    found = torch.autograd.grad(rows.mean() * lengths.detach(), student.net.lm_head.weight)[0]
    assert float((found - exact).norm() / exact.norm()) < 0.1


def test_one_student_of_told_texts_looks_only_where_something_was_told():
    silent = torch.ones(2, 6, 3)  # of one place more than the batch has: no log-probability is above 0
    values = torch.tensor([0.6, 0.2, 0.1]).log().expand(2, 3, 3)
    told, index = torch.cat([silent[:, :1], values, silent[:, :2]], 1), torch.randint(3, 12, (2, 6, 3))
    index[..., 1], index[..., 2] = (index[..., 0] + 1) % 12, (index[..., 0] + 2) % 12
    net, places = model(), torch.tensor([[False, True, True, True], [False, True, False, False]])
    log_q = net(X[:, :-1]).logits.log_softmax(-1)
    rows, _ = TeacherForced([recorded(index, told, soft=False)])(nn.ModuleList([net]), BATCH)
    own = -log_q.gather(-1, X[:, 1:, None])[..., 0]
    torch.testing.assert_close(rows.mean(), own[places].mean())
    rows, _ = TeacherForced([recorded(index, told, soft=True)])(nn.ModuleList([net]), BATCH)
    q = log_q.exp().gather(-1, index[:, :4])
    p, q = (torch.cat([z, 1 - z.sum(-1, keepdim=True)], -1)[places] for z in (values.exp()[:, :1].expand(2, 4, 3), q))
    torch.testing.assert_close(rows.mean(), (p * (p / q).log()).sum(-1).mean())
