"""Many small students as one model: all settings of one seed, sharing their batches, each at its own rate.

A student of 30 units leaves most of a processor idle; S of them as one batched matrix product do not.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kdbook import require
from kdbook.nets.vision import MLP, Outputs


class StackedMLP(nn.Module):
    """S multi-layer perceptrons of equal shape.

    Parameters
    ----------
    models : sequence of MLP
        Their weights are copied. Dropout is refused: one mask for all would tie the students together, and
        S masks would not be those that each student draws alone.
    """

    def __init__(self, models: Sequence[MLP]):
        super().__init__()
        require(len(models) > 0, "models", "at least one MLP", "an empty sequence")
        sizes = sorted({m.sizes for m in models})
        require(len(sizes) == 1, "models of a cohort", "of equal sizes", sizes)
        rates = {(m.input_dropout, m.hidden_dropout, m.max_norm) for m in models}
        require(rates == {(0, 0, None)}, "models", "with neither dropout nor max_norm: train them one by one", rates)
        self.sizes = models[0].sizes
        layers = list(zip(*(m.layers for m in models), strict=True))
        weights = [torch.stack([layer.weight.detach().t() for layer in same]) for same in layers]
        biases = [torch.stack([layer.bias.detach() for layer in same])[:, None] for same in layers]
        self.weights = nn.ParameterList(weights)  # (S, in, out) each
        self.biases = nn.ParameterList(biases)  # (S, 1, out) each

    def __len__(self) -> int:
        return len(self.weights[0])

    def forward(self, x: Tensor) -> Outputs:
        """x : Tensor (B, ...), the batch that all students share. Logits (S, B, C), features (S, B, D) each."""
        x = x.flatten(1)
        first, rest = self.weights[0], self.weights[1:]
        # one matrix product for all students: (B, in) @ (in, S * out)
        joined = x @ first.permute(1, 0, 2).reshape(first.shape[1], -1)
        h = joined.view(len(x), len(self), -1).transpose(0, 1) + self.biases[0]  # (S, B, out)
        features = []
        for weight, bias in zip(rest, self.biases[1:], strict=True):
            h = h.relu()
            features.append(h)
            h = torch.baddbmm(bias, h, weight)
        return Outputs(h, features)


def stack(models: Sequence[MLP]) -> StackedMLP:
    """Make one model of S students; see `StackedMLP`."""
    return StackedMLP(models)


def unstack(cohort: StackedMLP) -> list[MLP]:
    """The students of a cohort as models of their own (weights copied)."""
    with torch.random.fork_rng():  # their first weights are thrown away
        students = [MLP(cohort.sizes).to(cohort.weights[0].device) for _ in range(len(cohort))]
    with torch.no_grad():
        for s, student in enumerate(students):
            for layer, weight, bias in zip(student.layers, cohort.weights, cohort.biases, strict=True):
                layer.weight.copy_(weight[s].t())
                layer.bias.copy_(bias[s, 0])
    return students
