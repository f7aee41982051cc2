"""Objectives of language models that read: masked words, DistilBERT's triple loss and TinyBERT's layers.

Students that learn from one teacher are an `nn.ModuleList`, a recipe each: they share batches, masks and the teacher's
answer. Class logits of texts are a matter of `Distillation`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kdbook import losses
from kdbook.nets.bert import Bert
from kdbook.training.masked import mask_tokens, masked_rows
from kdbook.training.objectives.asking import Batch, Loss, Objective, each
from kdbook.training.teachers import evaluating


@dataclass
class MaskedLM(Objective):
    """Masked language modelling of one model; `share` as for `mask_tokens`."""

    share: float = 0.15

    def __call__(self, model: Bert, batch: Batch) -> Loss:
        shown, labels = mask_tokens(batch.x, model.vocabulary, self.share)
        return masked_rows(model, model.hidden(shown)[-1], labels), {}


@dataclass(frozen=True)
class TripleRecipe:
    """What one student of `TripleDistillation` minimises: `weights` of soft, masked and cosine term, `temperature`."""

    weights: tuple[float, float, float] = (5.0, 2.0, 1.0)
    temperature: float = 2.0


@dataclass
class TripleDistillation(Objective):
    """Students of one teacher, each with a `masked_lm_distillation` of its own.

    Parameters
    ----------
    teacher : Bert
        Always in eval mode, never with gradients.
    recipes : sequence of TripleRecipe
        One a student.
    share : float
        As for `mask_tokens`.
    everywhere : bool
        Soft targets at every token, as the released program has it by default, or at the hidden ones only: a fraction
        of the work, most of which a student of this size has with the vocabulary.
    """

    teacher: Bert
    recipes: Sequence[TripleRecipe]
    share: float = 0.15
    everywhere: bool = True

    def __call__(self, students: nn.ModuleList, batch: Batch) -> Loss:
        shown, labels = mask_tokens(batch.x, self.teacher.vocabulary, self.share)
        real = batch.x > 0
        at = real if self.everywhere else labels >= 0
        y, every = labels[at][None], at[at][None]  # (1, n): the n tokens whose words are asked for
        with evaluating(self.teacher):
            theirs = self.teacher.hidden(shown)[-1]
            answers = self.teacher.words(theirs[at])[None]  # (1, n, V)

        def loss(student: Bert, recipe: TripleRecipe) -> Tensor:
            last, (soft, masked, cosine) = student.hidden(shown)[-1], recipe.weights
            total = last.new_zeros(1)
            if soft:
                look = {"temperature": recipe.temperature, "weights": (soft, masked, 0.0), "check": batch.check}
                words = student.words(last[at])[None]  # (1, n, V)
                total = losses.masked_lm_distillation(words, answers, y, None, None, every, **look)
            elif masked:
                total = masked * masked_rows(student, last, labels).mean()
            if cosine:
                total = total + cosine * losses.cosine_hidden_loss(last, theirs, real, check=batch.check)
            return total.reshape(1)

        return each(students, self.recipes, loss)


class Projected(nn.Module):
    """A thin student with the maps that give its embeddings and hidden states the teacher's width (TinyBERT).

    The maps are trained with the student and thrown away. Called, it answers as the student does.
    """

    def __init__(self, student: Bert, width: int, teacher_width: int):
        super().__init__()
        self.student = student
        self.embedding, self.hidden = (nn.Linear(width, teacher_width) for _ in range(2))

    def forward(self, x: Tensor):
        """x as for the student."""
        return self.student(x)


@dataclass(frozen=True)
class LayerRecipe:
    """What one student of `LayerDistillation` matches.

    layers : tuple of int, the teacher's layer for each of the student's, counted from 1
    attention, hidden, embedding : bool, which terms
    softmaxed : bool, attention after the softmax instead of scores
    """

    layers: tuple[int, ...]
    attention: bool = True
    hidden: bool = True
    embedding: bool = True
    softmaxed: bool = False


@dataclass
class LayerDistillation(Objective):
    """TinyBERT's intermediate layers (Jiao et al. 2020, eq. 7-9): `Projected` students of one teacher, on whole texts.

    Parameters
    ----------
    teacher : Bert
        Always in eval mode, never with gradients.
    recipes : sequence of LayerRecipe
        One a student.
    """

    teacher: Bert
    recipes: Sequence[LayerRecipe]

    def __call__(self, students: nn.ModuleList, batch: Batch) -> Loss:
        real, wanted = batch.x > 0, {layer for recipe in self.recipes for layer in recipe.layers}
        with evaluating(self.teacher):
            theirs = self.teacher.hidden(batch.x)
            scores = {layer: self.teacher.scores(theirs, layer) for layer in wanted}

        def loss(model: Projected, recipe: LayerRecipe) -> Tensor:
            rows, ours = 0.0, model.student.hidden(batch.x)
            attention = states = [], []  # the student's, the teacher's
            if recipe.embedding:
                rows = losses.hidden_state_loss(ours[0], theirs[0], real, model.embedding, **batch.by_row)
            if recipe.attention:
                own = [model.student.scores(ours, m) for m in range(1, len(ours))]
                attention = own, [scores[g] for g in recipe.layers]
            if recipe.softmaxed:
                filling = ~real[:, None, None, :]
                attention = [[s.masked_fill(filling, -torch.inf).softmax(-1) for s in side] for side in attention]
            if recipe.hidden:
                states = ours[1:], [theirs[g] for g in recipe.layers]
            if recipe.attention or recipe.hidden:
                layers = *attention, *states, model.hidden
                rows = rows + losses.transformer_layer_loss(*layers, mask=real, **batch.by_row)
            return rows

        return each(students, self.recipes, loss)
