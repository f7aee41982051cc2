"""Many small students as one model: all settings of one seed, sharing their batches, or many seeds, each with its own.

A student of 30 units leaves most of a processor idle; S of them as one batched matrix product do not.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kdbook import require
from kdbook.nets.vision import MLP, Outputs, dropout


class StackedMLP(nn.Module):
    """S multi-layer perceptrons of equal shape.

    >>> StackedMLP([MLP([16, 8, 2]) for _ in range(3)])(torch.zeros(5, 16)).logits.shape
    torch.Size([3, 5, 2])

    Parameters
    ----------
    models : sequence of MLP
        Their weights are copied.
    masks : bool
        Whether they may have dropout, for which masks of all are drawn at once: not those that each draws alone.
        A batch that is shared has one mask for its pixels.
    """

    def __init__(self, models: Sequence[MLP], masks: bool = False):
        super().__init__()
        require(len(models) > 0, "models", "at least one MLP", "an empty sequence")
        sizes = sorted({m.sizes for m in models})
        require(len(sizes) == 1, "models of a cohort", "of equal sizes", sizes)
        rates = {(m.input_dropout, m.hidden_dropout, m.max_norm) for m in models}
        good = rates == {(0, 0, None)} or (masks and len(rates) == 1)
        require(good, "models", "with neither dropout nor max_norm: train them one by one, or with masks=True", rates)
        self.sizes = models[0].sizes
        ((self.input_dropout, self.hidden_dropout, self.max_norm),) = rates
        layers = list(zip(*(m.layers for m in models), strict=True))
        first, *rest = [torch.stack([layer.weight.detach().t() for layer in same]) for same in layers]
        biases = [torch.stack([layer.bias.detach() for layer in same])[:, None] for same in layers]
        # (in, S, out): a batch that is shared meets all students in one product, (B, in) @ (in, S * out)
        self.first = nn.Parameter(first.transpose(0, 1).contiguous())
        self.rest = nn.ParameterList(rest)  # (S, in, out) each
        self.biases = nn.ParameterList(biases)  # (S, 1, out) each

    @property
    def weights(self) -> list[Tensor]:
        """Weights of each layer, (S, in, out)."""
        return [self.first.transpose(0, 1), *self.rest]

    def __len__(self) -> int:
        return self.first.shape[1]

    def forward(self, x: Tensor) -> Outputs:
        """Logits (S, B, C), features (S, B, D) each.

        x : Tensor (B, ...), the batch that all students share, or (S, B, ...), one for each
        """
        x = dropout(x, self.input_dropout, self.training)
        if x.ndim > 2 and x[0, 0].numel() == self.sizes[0]:
            h = torch.baddbmm(self.biases[0], x.flatten(2), self.weights[0])  # (S, B, out)
        else:
            joined = torch.addmm(self.biases[0].flatten(), x.flatten(1), self.first.flatten(1))
            h = joined.view(len(x), len(self), -1).transpose(0, 1)
        features = []
        for weight, bias in zip(self.rest, self.biases[1:], strict=True):
            h = h.relu()
            features.append(h)
            h = torch.baddbmm(bias, dropout(h, self.hidden_dropout, self.training), weight)
        return Outputs(h, features)

    @torch.no_grad()
    def constrain_(self) -> None:
        """As `MLP.constrain_`, each student's units by themselves."""
        if self.max_norm is not None:
            for at, weight in enumerate([self.first, *self.rest][:-1]):
                norm = torch.linalg.vector_norm(weight, dim=min(at, 1), keepdim=True)
                weight.mul_((self.max_norm / norm).clamp_(max=1))


def stack(models: Sequence[MLP], masks: bool = False) -> StackedMLP:
    """Make one model of S students; see `StackedMLP`.

    >>> len(stack([MLP([16, 8, 2]) for _ in range(3)]))
    3
    """
    return StackedMLP(models, masks)


def unstack(cohort: StackedMLP) -> list[MLP]:
    """The students of a cohort as models of their own (weights copied).

    >>> [type(net).__name__ for net in unstack(stack([MLP([16, 8, 2]), MLP([16, 8, 2])]))]
    ['MLP', 'MLP']
    """
    with torch.random.fork_rng():  # their first weights are thrown away
        students = [MLP(cohort.sizes).to(cohort.first.device) for _ in range(len(cohort))]
    with torch.no_grad():
        for s, student in enumerate(students):
            for layer, weight, bias in zip(student.layers, cohort.weights, cohort.biases, strict=True):
                layer.weight.copy_(weight[s].t())
                layer.bias.copy_(bias[s, 0])
    return students
