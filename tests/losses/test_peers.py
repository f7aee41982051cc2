"""Losses against code that no one here wrote, values and gradients in float64: `pip install '.[peers]'`.

Where a library's mean is another one, its value is brought to ours by the factor that stands beside it; where it
follows another equation (SP by rows of L1 norm, CRD's stale positive), there is nothing to compare.
"""

import pytest
import torch
import torch.nn.functional as F

from kdbook.losses import feature, kd_loss, relation
from kdbook.losses.sequence import generalized_jsd, reverse_kl, token_kd

ROWS, CLASSES = 7, 10
ABSENT = "{} is not installed: pip install '.[peers]'"


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def peer(module):
    return pytest.importorskip(module, reason=ABSENT.format(module.partition(".")[0]))


def check_same(ours, theirs, *students, rtol=1e-10):
    """Two losses of the same students agree in value and in every gradient."""
    found, expected = ([s.clone().requires_grad_() for s in students] for _ in range(2))
    values = [loss(*tensors) for loss, tensors in ((ours, found), (theirs, expected))]
    for value in values:
        value.backward()
    torch.testing.assert_close(values[0], values[1], rtol=rtol, atol=1e-13)
    for one, other in zip(found, expected, strict=True):
        assert one.grad.any()
        torch.testing.assert_close(one.grad, other.grad, rtol=rtol, atol=1e-12)


@pytest.fixture
def mid_level():
    return peer("torchdistill.losses.mid_level")


@pytest.mark.parametrize(("temperature", "alpha"), [(1.0, 0.5), (4.0, 0.9), (20.0, 0.1)])
def test_torchdistill_distils_the_same(mid_level, temperature, alpha):
    s, t, y = random(ROWS, CLASSES), random(ROWS, CLASSES, seed=1), torch.arange(ROWS)
    loss = mid_level.KDLoss("m", "o", "m", "o", temperature=temperature, alpha=1 - alpha, beta=alpha)
    check_same(
        lambda s: kd_loss(s, t, y, temperature=temperature, alpha=alpha),
        lambda s: loss({"m": {"o": s}}, {"m": {"o": t}}, y),
        s,
    )


@pytest.mark.parametrize("form", ["code", "paper"])
def test_torchdistill_transfers_the_same_attention(mid_level, form):
    s, t = random(ROWS, 3, 4, 4), random(ROWS, 5, 4, 4, seed=1)
    loss = mid_level.ATLoss({}, mode=form)
    theirs = loss.compute_at_loss if form == "code" else lambda s, t: loss.compute_at_loss_paper(s, t) / ROWS  # a sum
    check_same(lambda s: feature.attention_transfer(s, t, form=form), lambda s: theirs(s, t), s)


@pytest.mark.parametrize("kind", ["distance", "angle"])
def test_torchdistill_relates_examples_by_the_same_distances_and_angles(mid_level, kind):
    s, t = random(ROWS, 4), random(ROWS, 6, seed=1)
    loss = mid_level.RKDLoss("s", "t", dist_factor=1.0, angle_factor=1.0, reduction="mean")
    theirs = getattr(loss, f"compute_rkd_{kind}_loss")
    check_same(lambda s: getattr(relation, f"relational_{kind}")(s, t), lambda s: theirs(t, s), s, rtol=1e-8)


def test_torchdistill_has_the_same_neighbours(mid_level):
    s, t = random(ROWS, 4), random(ROWS, 6, seed=1)
    loss = mid_level.PKTLoss("m", "o", "m", "o", eps=1e-14)
    check_same(lambda s: relation.probabilistic_transfer(s, t), lambda s: loss.cosine_similarity_loss(s, t), s)


def test_torchdistill_has_the_same_congruence_on_embeddings_of_norm_one(mid_level):
    s, t = random(ROWS, 4), random(ROWS, 6, seed=1)
    kernel = {"type": "gaussian", "gamma": 0.4, "max_p": 2}
    matrix = mid_level.CCKDLoss("s", "t", kernel, reduction="batchmean").compute_cc_mat_by_gaussian_rbf

    def theirs(s):  # the square of their norm, as the paper has it
        return torch.dist(matrix(F.normalize(s)), matrix(F.normalize(t))) ** 2 / ROWS**2

    check_same(lambda s: relation.correlation_congruence(s, t), theirs, s)


def test_torchdistill_has_the_same_flow_of_solution(mid_level):
    s = random(ROWS, 3, 4, 4), random(ROWS, 5, 4, 4, seed=1)
    t = random(ROWS, 3, 4, 4, seed=2), random(ROWS, 5, 4, 4, seed=3)
    flow = mid_level.FSPLoss.compute_fsp_matrix
    check_same(
        lambda first, last: relation.flow_of_solution(first, last, *t),
        lambda first, last: (flow(first, last) - flow(*t)).square().mean(),  # the paper's square, not their norm
        *s,
    )


@pytest.fixture
def trl_jsd(monkeypatch):
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    peer("datasets")  # which trl reads its texts with
    return peer("trl.experimental.gkd").GKDTrainer.generalized_jsd_loss


@pytest.mark.parametrize("beta", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("parts", [False, True], ids=["whole batch", "part of one"])
def test_trl_has_the_same_divergences(trl_jsd, beta, parts):
    s, t = random(3, 5, CLASSES), random(3, 5, CLASSES, seed=1)
    mask = torch.arange(5) < torch.tensor([5, 2, 3])[:, None]
    labels = torch.where(mask, 1, -100)
    count = {"num_items_in_batch": 40 if parts else int(mask.sum())}
    divide = {"num_tokens": 40} if parts else {}
    check_same(
        lambda s: generalized_jsd(s, t, mask, beta, **divide), lambda s: trl_jsd(s, t, labels, beta=beta, **count), s
    )
    if beta in (0.0, 1.0):
        ours = token_kd if beta == 0.0 else reverse_kl
        check_same(lambda s: ours(s, t, mask, **divide), lambda s: trl_jsd(s, t, labels, beta=beta, **count), s)


def test_trl_softens_the_same_up_to_the_factor_of_the_temperature(trl_jsd):
    s, t = random(3, 5, CLASSES), random(3, 5, CLASSES, seed=1)
    mask = torch.ones(3, 5, dtype=torch.bool)
    check_same(
        lambda s: token_kd(s, t, mask, temperature=3.0),
        lambda s: 9 * trl_jsd(s, t, beta=0, temperature=3.0, num_items_in_batch=15),
        s,
    )


@pytest.fixture
def distances():
    return peer("pytorch_metric_learning.distances")


def test_pytorch_metric_learning_measures_the_same_distances(distances):
    s, t = random(ROWS, 4), random(ROWS, 6, seed=1)
    matrix = distances.LpDistance(normalize_embeddings=False)

    def relative(f):
        d = matrix(f)
        apart = d.masked_fill(torch.eye(ROWS, dtype=torch.bool), 0)  # theirs has a little on the diagonal
        return apart / (apart.sum() / (ROWS * (ROWS - 1)))

    check_same(
        lambda s: relation.relational_distance(s, t), lambda s: F.smooth_l1_loss(relative(s), relative(t)), s, rtol=1e-6
    )


def test_pytorch_metric_learning_sees_the_same_similarities(distances):
    s, t = random(ROWS, 4), random(ROWS, 6, seed=1)
    cosine = distances.CosineSimilarity()

    def neighbours(f):
        closeness = (1 + cosine(f)) / 2
        return closeness / closeness.sum(1, keepdim=True)

    def theirs(s):
        p, q = neighbours(t), neighbours(s)
        return (p * (p.log() - q.log())).mean()

    check_same(lambda s: relation.probabilistic_transfer(s, t), theirs, s)

    dot = distances.DotProductSimilarity(normalize_embeddings=False)

    def rows(f):
        return F.normalize(dot(f), dim=1)  # of Euclidean norm

    check_same(lambda s: relation.similarity_preserving(s, t), lambda s: (rows(s) - rows(t)).square().mean(), s)
