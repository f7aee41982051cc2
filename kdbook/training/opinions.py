"""Specialists beside a generalist: which classes each gets, what it is trained on, and how all answer as one.

Hinton et al. 2015, section 5. A specialist knows a subset of the classes; all others are one class to it, the dustbin.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kdbook import needed, require
from kdbook.data.glosses import Texts


class Opinion(NamedTuple):
    """What one specialist says.

    classes : Tensor (K,), the classes that it knows
    log_p : Tensor (N, K + 1), log-probabilities of those, then of the dustbin
    """

    classes: Tensor
    log_p: Tensor


@dataclass(frozen=True)
class HalfSpecial(Texts):
    """Texts as a specialist sees them: y is the position among its classes, or `dustbin` for all others.

    An epoch visits each special text once, and as many others, drawn anew, in alternation: so half of every batch is
    special, as in section 5.2 of the paper.
    """

    dustbin: int = 0

    @classmethod
    def of(cls, split: Texts, classes: Tensor) -> "HalfSpecial":
        """Relabel a split for the specialist of some classes (K,).

        Raises
        ------
        ValueError
            When none of the texts belongs to these classes, as for an empty cluster.
        """
        position = torch.full((int(max(split.y.max(), classes.max() if len(classes) else 0)) + 1,), len(classes))
        position[classes.cpu()] = torch.arange(len(classes))
        y = position.to(split.y.device)[split.y]
        made = cls(split.x, y, split.index, origin=split.origin, dustbin=len(classes))
        require(made.special, "texts of a specialist", f"some of its classes {classes.tolist()}", "none")
        return made

    @property
    def special(self) -> int:
        """Number of special texts."""
        return int((self.y != self.dustbin).sum())

    @property
    def log_oversampling(self) -> float:
        """Log of how much more often special texts are seen than they occur, relative to the others."""
        return math.log((len(self) - self.special) / self.special) if self.special < len(self) else 0.0

    @property
    def visits(self) -> int:
        return self.special * (1 + (self.special < len(self)))

    def order(self) -> Tensor:
        """Special texts, shuffled, each followed by another one, drawn without replacement where they suffice."""
        is_special = (self.y != self.dustbin).cpu()
        special, rest = is_special.nonzero()[:, 0], (~is_special).nonzero()[:, 0]
        special = special[torch.randperm(len(special))]
        if not len(rest):
            return special
        drawn = rest[torch.randperm(len(rest))[torch.arange(len(special)) % len(rest)]]
        return torch.stack([special, drawn], dim=1).flatten()


def corrected(logits: Tensor, log_oversampling: float) -> Tensor:
    """Logits (N, K + 1) whose dustbin, the last one, is raised by the log of the oversampling of the special texts."""
    return torch.cat([logits[:, :-1], logits[:, -1:] + log_oversampling], dim=1)


def active_specialists(log_p: Tensor, members: Tensor, top: int = 1, unsure: float = 1.0) -> Tensor:
    """Which specialists (N, M) are asked: those whose classes, `members` (M, C), meet the `top` likeliest of each row.

    Parameters
    ----------
    log_p : Tensor (N, C)
        The generalist's answers.
    members : Tensor (M, C), bool
        Which classes each specialist knows.
    top : int
        The paper's n, which is 1.
    unsure : float
        The share of rows about which any are asked: those on which the generalist is least sure, by its entropy.
    """
    entropy = -(log_p.exp() * log_p).sum(-1)
    doubtful = entropy >= entropy.quantile(1 - unsure)
    return members.t()[log_p.topk(top, dim=-1).indices].any(dim=1) & doubtful[:, None]


def combine(log_p: Tensor, opinions: Sequence[Opinion], active: Tensor, *, steps: int = 20) -> Tensor:
    """The distribution q (N, C) with the smallest KL(p_g || q) + sum of KL(p_m || q) over the active specialists m.

    Section 5.4, eq. 5; in KL(p_m || q) the classes that m does not know are one, with their sum in q. Where the
    gradient for q's logits vanishes, q is the mean of p_g and of every p_m with its dustbin shared out in proportion to
    q. Repeating "share out, take the mean" is an EM algorithm: every step lowers the sum. It starts from p_g; for one
    active specialist the first step is exact, for none nothing changes.

    Parameters
    ----------
    log_p : Tensor (N, C)
        The generalist's log-probabilities p_g.
    opinions : sequence of Opinion
        One a specialist.
    active : Tensor (N, M), bool
        Which specialists count for which row.
    steps : int
        Repetitions for the rows with several active specialists.

    Explained in notebooks/06_specialists.
    """
    p = log_p.exp()
    q, several = p.clone(), torch.arange(len(p), device=p.device)
    for step in range(steps):
        total = p[several].clone()
        for opinion, asked in zip(opinions, active[several].t(), strict=True):
            total[asked] += shared_out(opinion, several[asked], q)
        q[several] = total / (1 + active[several].sum(1, keepdim=True))
        if step == 0:
            several = (active.sum(1) > 1).nonzero()[:, 0]
    return q


def shared_out(opinion: Opinion, rows: Tensor, q: Tensor) -> Tensor:
    """A specialist's answers for some rows over all classes, its dustbin shared out in proportion to q (N, C)."""
    p = opinion.log_p[rows].exp()
    rest = q[rows]
    rest[:, opinion.classes] = 0
    whole = rest * (p[:, -1:] / rest.sum(1, keepdim=True).clamp_min(1e-30))
    whole[:, opinion.classes] = p[:, :-1]
    return whole


def disagreement(z: Tensor, log_p: Tensor, opinions: Sequence[Opinion], active: Tensor) -> Tensor:
    """KL(p_g || q) + sum of KL(p_m || q) over the active specialists, (N,) in nats, for q = softmax(z)."""
    log_q = z.log_softmax(-1)
    total = (log_p.exp() * (log_p - log_q)).sum(-1)
    for opinion, asked in zip(opinions, active.t(), strict=True):
        others = log_q.clone()
        others[:, opinion.classes] = -torch.inf
        log_rest = others.logsumexp(-1, keepdim=True).clamp_min(-1e4)  # finite also where there are no others
        log_seen = torch.cat([log_q[:, opinion.classes], log_rest], dim=1)
        total = total + asked * (opinion.log_p.exp() * (opinion.log_p - log_seen)).sum(-1)
    return total


def combine_by_descent(log_p: Tensor, opinions: Sequence[Opinion], active: Tensor, *, steps: int = 1000) -> Tensor:
    """The same q as `combine`, found as in the paper: by gradient descent on the logits of q (Adam, from p_g)."""
    z = log_p.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)  # else it never comes to rest
    for _ in range(steps):
        (z.grad,) = torch.autograd.grad(disagreement(z, log_p, opinions, active).sum(), z)
        optimizer.step()
        schedule.step()
    return z.detach().softmax(-1)


def confusable_subsets(columns: np.ndarray, *, clusters: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Cluster classes by online K-means (section 5.3), then give each centroid its nearest classes.

    Parameters
    ----------
    columns : array (C, D)
        What is known of each class, such as its column of the covariance of predictions.
    clusters, size : int
        Number of clusters; and of classes in each subset, which may overlap.
    seed : int
        Of the clustering.

    Returns
    -------
    label : array (C,), cluster of each class
    members : array (M, C), bool, the subsets; also a centroid to which no class belongs has nearest ones
    """
    cluster = needed("sklearn.cluster")
    found = cluster.MiniBatchKMeans(clusters, random_state=seed, n_init=10, batch_size=256).fit(columns)
    distance = np.linalg.norm(columns[None] - found.cluster_centers_[:, None], axis=2)
    members = np.zeros(distance.shape, dtype=bool)
    np.put_along_axis(members, np.argsort(distance, axis=1, kind="stable")[:, :size], True, axis=1)
    return found.labels_, members
