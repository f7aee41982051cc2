"""Relation losses: the student learns how the teacher relates inputs (or layers) to each other.

Examples are the first axis, further axes are flattened; widths of teacher and student may differ, since only relations
are compared. `reduction="none"` returns one value an example: the mean over its relations to all examples, itself
included. A batch of one has no relations: `check` refuses it, and without the check, as for what an epoch leaves over,
its loss is 0. No gradient reaches the teacher's features.
"""

import math
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook import require
from kdbook.losses import checks
from kdbook.losses.checks import Fraction, NotNegative, Positive

SMALL = 1e-12  # its square is still a float32


@checks.row_loss
def relational_distance(f_s: Tensor, f_t: Tensor, *, check: bool = True) -> Tensor:
    """RKD-D: smooth L1 between distances, each net's in units of its own mean distance (Park et al. 2019, eq. 4-6).

    >>> one, other = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]]), torch.tensor([[0.0], [1.0], [1.0]])
    >>> relational_distance(one, 10 * one), relational_distance(one, other)
    (tensor(0.), tensor(0.2569))

    Parameters
    ----------
    f_s, f_t : Tensor (B, ...)
        Embeddings; widths may differ.
    reduction, check : str, bool
        "mean" over all B^2 pairs, the zero ones of an example with itself included; "none" a tensor (B,).

    Raises
    ------
    ValueError
        If a feature is malformed or batches differ.

    Explained in notebooks/04_knowledge_types.
    """
    student, teacher = _embeddings(f_s, f_t, check)
    gap = F.smooth_l1_loss(_relative_distances(student), _relative_distances(teacher), reduction="none")  # (B, B)
    return gap.mean(1)


def _relative_distances(f: Tensor) -> Tensor:
    """Distances (B, B) divided by their mean over all i != j, twins included; all 0 where all examples coincide."""
    # Without the shortcut over products of matrices the diagonal is exactly 0, and so is its gradient.
    distance = torch.cdist(f, f, compute_mode="donot_use_mm_for_euclid_dist")
    pairs = max(len(f) * (len(f) - 1), 1)
    return distance / (distance.sum() / pairs).clamp_min(SMALL)


@checks.row_loss
def relational_angle(f_s: Tensor, f_t: Tensor, *, check: bool = True) -> Tensor:
    """RKD-A: smooth L1 between cosines of the angle that two examples make at a third (Park et al. 2019, eq. 7-8).

    >>> one, other = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]]), torch.tensor([[0.0], [1.0], [1.0]])
    >>> relational_angle(one, 10 * one), relational_angle(one, other)
    (tensor(0.), tensor(0.1111))

    Parameters
    ----------
    f_s, f_t : Tensor (B, ...)
        Embeddings; widths may differ. Memory grows as B^3.
    reduction, check : str, bool
        "mean" over all B^3 triplets; "none" a tensor (B,), by the example at which the angle is.

    Raises
    ------
    ValueError
        If a feature is malformed or batches differ.

    Explained in notebooks/04_knowledge_types.
    """
    student, teacher = _embeddings(f_s, f_t, check, 3)
    gap = F.smooth_l1_loss(_cosines(student), _cosines(teacher), reduction="none")  # (B, B, B)
    return gap.mean((1, 2))


def _cosines(f: Tensor) -> Tensor:
    """Cosine of the angle at i between j and k, (B, B, B) by i, j, k; 0 where two of them coincide."""
    away = _unit(f[None, :] - f[:, None])  # (B, B, D), from i to j: 0 from an example to itself or to its twin
    return away @ away.mT


@checks.row_loss
def similarity_preserving(f_s: Tensor, f_t: Tensor, *, check: bool = True) -> Tensor:
    """SP: squared difference of the batch's inner products, each row of norm 1 (Tung and Mori 2019, eq. 2-4).

    >>> one, other = torch.tensor([[1.0, 1.0], [3.0, 0.0], [0.0, 4.0]]), torch.tensor([[0.0], [1.0], [1.0]])
    >>> similarity_preserving(one, other)
    tensor(0.2540)

    Parameters
    ----------
    f_s, f_t : Tensor (B, ...)
        Activations; widths may differ.
    reduction, check : str, bool
        "mean" is the sum over all pairs / B^2; "none" a tensor (B,).

    Raises
    ------
    ValueError
        If a feature is malformed or batches differ.

    Explained in notebooks/04_knowledge_types.
    """
    student, teacher = _embeddings(f_s, f_t, check)
    gap = _unit(student @ student.T) - _unit(teacher @ teacher.T)  # (B, B)
    return gap.square().mean(1)


@checks.row_loss
def correlation_congruence(
    f_s: Tensor, f_t: Tensor, *, gamma: Positive = 0.4, order: int = 2, check: bool = True
) -> Tensor:
    """CC: squared difference of Gaussian kernels between examples, as their Taylor series (Peng et al. 2019, eq. 6-9).

    On embeddings x of norm 1 the kernel ``exp(-gamma |x_i - x_j|^2)`` is ``exp(-2 gamma) sum_p (2 gamma x_i x_j)^p /
    p!``. Other functions circulate under this name; this is the paper's.

    >>> one, other = torch.tensor([[1.0, 1.0], [3.0, 0.0], [0.0, 4.0]]), torch.tensor([[0.0], [1.0], [1.0]])
    >>> correlation_congruence(one, other)
    tensor(0.1317)

    Parameters
    ----------
    f_s, f_t : Tensor (B, ...)
        Embeddings; widths may differ.
    gamma, order : float, int
        Of the kernel, positive; highest power of the series, at least 1.
    reduction, check : str, bool
        "mean" is the sum over all pairs / B^2; "none" a tensor (B,).

    Raises
    ------
    ValueError
        If gamma or order is out of range, a feature is malformed or batches differ.

    Explained in notebooks/04_knowledge_types.
    """
    student, teacher = _embeddings(f_s, f_t, check)
    require(order >= 1, "order", "at least 1", order)
    gap = _kernel(student, gamma, order) - _kernel(teacher, gamma, order)  # (B, B)
    return gap.square().mean(1)


def _kernel(f: Tensor, gamma: float, order: int) -> Tensor:
    x = _unit(f)
    products = 2 * gamma * (x @ x.T)  # (B, B)
    return math.exp(-2 * gamma) * sum(products**p / math.factorial(p) for p in range(order + 1))


@checks.row_loss
def probabilistic_transfer(f_s: Tensor, f_t: Tensor, *, check: bool = True) -> Tensor:
    """PKT: KL between how probable each example finds the others as neighbours (Passalis and Tefas 2018, eq. 4-7).

    Probabilities are cosines moved to [0, 1] by (1 + c) / 2, then divided by their row's sum.

    >>> one, other = torch.tensor([[1.0, 1.0], [3.0, 0.0], [0.0, 4.0]]), torch.tensor([[0.0], [1.0], [1.0]])
    >>> probabilistic_transfer(one, other)
    tensor(0.0247)

    Parameters
    ----------
    f_s, f_t : Tensor (B, ...)
        Embeddings; widths may differ.
    reduction, check : str, bool
        "mean" over all B^2 pairs, as the authors' program: the sum over a row's neighbours is B times larger. "none" a
        tensor (B,).

    Raises
    ------
    ValueError
        If a feature is malformed or batches differ.

    Explained in notebooks/04_knowledge_types.
    """
    student, teacher = _embeddings(f_s, f_t, check)
    p, q = _neighbours(teacher), _neighbours(student)  # (B, B)
    return (p * (p.log() - q.log())).mean(1)


def _neighbours(f: Tensor) -> Tensor:
    x = _unit(f)
    closeness = ((1 + x @ x.T) / 2).clamp_min(1e-7)  # opposite directions would give log 0
    return closeness / closeness.sum(1, keepdim=True)


@checks.row_loss
def dist_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    *,
    temperature: Positive,
    beta: NotNegative = 2.0,
    gamma: NotNegative = 2.0,
    check: bool = True,
) -> Tensor:
    """DIST: T^2 (beta (1 - r) of each example's probabilities + gamma (1 - r) of each class's over the batch).

    r is Pearson's correlation of student and teacher: only how answers relate has to agree, no longer how sure they are
    (Huang et al. 2022, Knowledge Distillation from A Stronger Teacher, eq. 7-9; T^2 as in the authors' program).

    >>> teacher = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 3.0]])
    >>> dist_loss(teacher.flip(1), teacher, temperature=1.0)
    tensor(6.1676)

    Parameters
    ----------
    student_logits, teacher_logits : Tensor (B, C)
        Of the same classes.
    temperature, beta, gamma : float
        beta weighs the relations between classes, gamma those between examples; 2, 2 and T = 4 are the paper's for
        CIFAR-100, and 1, 1 and T = 1 for ImageNet.
    reduction, check : str, bool
        "mean" over B; "none" a tensor (B,), whose rows share the part of the classes.

    Raises
    ------
    ValueError
        If a setting is out of range, logits are malformed or shapes differ.

    Explained in notebooks/04_knowledge_types.
    """
    student, teacher = checks.logits_pair(check, student_logits=student_logits, teacher_logits=teacher_logits)
    require(student.ndim == 2, "student_logits", "of shape (B, C)", tuple(student.shape))
    require(not check or len(student) > 1, "student_logits", "2 examples or more, to have relations", len(student))
    p, q = ((logits / temperature).softmax(-1) for logits in (teacher, student))
    return temperature**2 * (beta * (1 - _correlation(p, q)) + gamma * (1 - _correlation(p.T, q.T)).mean())


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's correlation of each pair of rows; 0 where one is constant."""
    return (_unit(a - a.mean(1, keepdim=True)) * _unit(b - b.mean(1, keepdim=True))).sum(1)


@checks.row_loss
def flow_of_solution(f_in_s: Tensor, f_out_s: Tensor, f_in_t: Tensor, f_out_t: Tensor, *, check: bool = True) -> Tensor:
    """FSP: squared difference of Gram matrices between two layers' maps, over positions (Yim et al. 2017, eq. 1-2).

    >>> ones = torch.ones(1, 2, 4, 4)
    >>> flow_of_solution(ones, ones, ones, 3 * ones)
    tensor(4.)

    Parameters
    ----------
    f_in_s, f_out_s, f_in_t, f_out_t : Tensor (B, channels, H, W)
        An earlier and a later layer of student and teacher. Within a net the larger resolution is averaged down to the
        smaller. Student and teacher need the same channels: use a student that differs in depth, or project.
    reduction, check : str, bool
        "mean" over all channel pairs; "none" a tensor (B,).

    Raises
    ------
    ValueError
        If a feature is malformed, or channels or batches differ.

    Explained in notebooks/04_knowledge_types.
    """
    first_s, first_t = checks.feature_pair(check, axes=checks.MAPS, f_in_s=f_in_s, f_in_t=f_in_t)
    last_s, last_t = checks.feature_pair(check, axes=checks.MAPS, f_out_s=f_out_s, f_out_t=f_out_t)
    student, teacher = _flow(first_s, last_s), _flow(first_t, last_t)  # (B, channels in, channels out)
    if student.shape != teacher.shape:
        channels = f"{tuple(teacher.shape[1:])}, got {tuple(student.shape[1:])}; project, or vary the depth only"
        raise ValueError(f"f_in_s and f_out_s must have the channels of f_in_t and f_out_t, {channels}")
    return (student - teacher).square().mean((1, 2))


def _flow(first: Tensor, last: Tensor) -> Tensor:
    first, last = (f.flatten(2) for f in checks.same_resolution(first, last))  # (B, channels, positions)
    return first @ last.mT / first.shape[-1]


def _unit(f: Tensor) -> Tensor:
    """Rows of norm 1; a row of zeros stays, without a gradient: the one that `F.normalize` gives would be 1e12."""
    length = torch.linalg.vector_norm(f, dim=-1, keepdim=True)
    return torch.where(length == 0, 0.0, f / length.clamp_min(SMALL))  # NaN stays, and is seen


def _embeddings(f_s: Tensor, f_t: Tensor, check: bool, least: int = 2) -> tuple[Tensor, Tensor]:
    student, teacher = checks.feature_pair(check, f_s=f_s, f_t=f_t)
    require(not check or len(student) >= least, "f_s", f"{least} examples or more, to have relations", len(student))
    return student.flatten(1), teacher.flatten(1)


class ContrastiveMemory:
    """Unit embeddings of all samples, from which negatives are drawn by sample index (Tian et al. 2020, section 3.2).

    >>> memory = ContrastiveMemory.random(samples=10, width=4, negatives=3)
    >>> memory.draw(torch.tensor([0, 7])).shape
    torch.Size([2, 3])

    Parameters
    ----------
    embeddings : Tensor (N, D)
        One a sample index, of norm 1.
    negatives : int
        K, drawn with replacement for each example among all other samples.
    momentum : float
        Share of the old embedding that an update keeps.

    Attributes
    ----------
    log_z : Tensor () or None
        Logarithm of the normaliser Z, set from the first batch and kept from then on.
    """

    @checks.entry
    def __init__(self, embeddings: Tensor, negatives: int, momentum: Fraction = 0.5):
        checks.check_floating("embeddings", embeddings, "N, D")
        require(1 <= negatives < len(embeddings), "negatives", f"in 1..{len(embeddings) - 1}", negatives)
        self.embeddings, self.negatives, self.momentum, self.log_z = embeddings, negatives, momentum, None

    @classmethod
    def random(cls, samples: int, width: int, negatives: int, device: torch.device | str = "cpu") -> Self:
        """A memory of random directions, from torch's global generator."""
        return cls(F.normalize(torch.randn(samples, width), dim=1).to(device), negatives)

    def draw(self, index: Tensor) -> Tensor:
        """Sample indices (B, K), none of a row equal to its own `index` (B,)."""
        step = torch.randint(1, len(self.embeddings), (len(index), self.negatives)).to(index.device)
        return (index[:, None] + step) % len(self.embeddings)

    @torch.no_grad()
    def update(self, index: Tensor, g: Tensor) -> None:
        """Move the embeddings of the samples `index` (B,) towards g (B, D)."""
        mixed = self.momentum * self.embeddings[index] + (1 - self.momentum) * F.normalize(g.float(), dim=1)
        self.embeddings[index] = F.normalize(mixed, dim=1)

    def state_dict(self) -> dict:
        """Embeddings and normaliser."""
        return {"embeddings": self.embeddings, "log_z": self.log_z}

    def load_state_dict(self, state: dict) -> None:
        """Restore what `state_dict` gave."""
        self.embeddings, self.log_z = state["embeddings"], state["log_z"]


@checks.row_loss
def contrastive_distillation(
    g_s: Tensor, g_t: Tensor, index: Tensor, memory: ContrastiveMemory, *, temperature: float = 0.07, check: bool = True
) -> Tensor:
    """CRD: tell the teacher's embedding of the same sample from K of other samples (Tian et al. 2020, eq. 15-19).

    With h = exp(cos(g_s, g) / T) / Z a pair is taken for a true one with probability h / (h + K / N); the loss is
    -log of it for the pair (g_s, g_t) and -log(1 - it) summed over K negatives of the memory. Everything is computed
    from logarithms. The other direction is the same function with the roles exchanged. In the authors' program the
    positive is the memory's own row of the sample, which is stale, of the epochs before; here it is g_t itself.

    >>> memory, teacher = ContrastiveMemory(torch.eye(4), negatives=2), torch.eye(4)[:2]
    >>> contrastive_distillation(-teacher, teacher, torch.tensor([0, 1]), memory).shape
    torch.Size([])

    Parameters
    ----------
    g_s, g_t : Tensor (B, D)
        Embeddings of one width, made by trained heads where the networks' differ.
    index : Tensor (B,), int64
        Sample indices below the memory's length.
    memory : ContrastiveMemory
        Of the teacher's embeddings. Its Z is set here on the first call and never again; `update` is the caller's.
    temperature : float
        The paper's 0.07.
    reduction, check : str, bool
        "mean" over B; "none" a tensor (B,).

    Raises
    ------
    ValueError
        If shapes differ, the temperature is not positive and finite, a feature is malformed, or (when `check`) an index
        is outside the memory.

    Explained in notebooks/04_knowledge_types.
    """
    student, teacher = checks.feature_pair(check, g_s=g_s, g_t=g_t)
    checks.setting("temperature", temperature, "(0, inf)", student)
    samples, width = memory.embeddings.shape
    size, given = (len(student), width), (tuple(student.shape), tuple(teacher.shape))
    require(given == (size, size), "g_s and g_t", size, given)
    index = checks.whole_input("index", index, size[:1], samples, check, of="the rows of g_s")
    student, teacher = _unit(student), _unit(teacher)
    others = memory.embeddings[memory.draw(index)].to(student)  # (B, K, D)
    positive = (student * teacher).sum(1, keepdim=True)
    scores = torch.cat([positive, (others @ student[:, :, None])[..., 0]], dim=1) / temperature  # (B, 1 + K)
    if memory.log_z is None:
        memory.log_z = scores.detach().logsumexp((0, 1)) - math.log(scores.numel()) + math.log(samples)
    logits = scores - memory.log_z - math.log(memory.negatives / samples)
    return -F.logsigmoid(logits[:, 0]) - F.logsigmoid(-logits[:, 1:]).sum(1)
