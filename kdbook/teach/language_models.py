"""Checks for the exercises of chapter 08."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook.book.distilbert import GLUE
from kdbook.losses import kd_loss
from kdbook.losses.transformer import cosine_hidden_loss, layer_map
from kdbook.teach.feedback import Feedback, number, repaired, tensor


def check_retention(answer: float) -> Feedback:
    """Is it the share of BERT's macro score on GLUE that DistilBERT keeps without WNLI, in per cent?

    Explained in notebooks/08_language_models.
    """

    def share(tasks):
        return 100 * sum(GLUE[task][1] for task in tasks) / sum(GLUE[task][0] for task in tasks)

    rest = [task for task in GLUE if task != "WNLI"]
    mean_of_shares = sum(share([task]) for task in rest) / len(rest)
    mistakes = {
        share(GLUE): "WNLI is still among the tasks.",
        share(rest) / 100: "Right as a fraction; the question asks for per cent.",
        10000 / share(rest): "Upside down: whose score is to be compared with whose?",
        mean_of_shares: "That is the mean of the tasks' ratios; the headline is the ratio of two means.",
    }
    done = "A student that 'wins' on a task where both are near guessing lifts the headline."
    return number(answer, share(rest), mistakes, done, rtol=0.0005)


def check_layer_map(function: Callable[[int, int], list[int]]) -> Feedback:
    """Does `function(student_layers, teacher_layers)` name TinyBERT's uniform layer map, layers counted from 1?

    Explained in notebooks/08_language_models.
    """
    for ours, theirs in ((4, 12), (2, 6), (3, 3)):
        right = layer_map(ours, theirs)
        first = [1 + m * theirs // ours for m in range(ours)]
        wrong = tensor(
            function,
            (ours, theirs),
            torch.tensor(right),
            (
                (torch.tensor(right) - 1, "Right if layers are counted from 0; here the first layer is 1."),
                (torch.tensor(layer_map(ours, theirs, "top")), "That is the top map: the teacher's last layers."),
                (torch.tensor(layer_map(ours, theirs, "bottom")), "That is the bottom map: the first layers."),
                (torch.tensor(first), "The spacing is right; but which layer should the student's *last* one match?"),
            ),
            f"For {ours} layers of {theirs} that is not g(m) = m L_t / L_s.",
        )
        if wrong:
            return wrong
    return Feedback(True, "The last layers meet, and the others are spread evenly below.")


def check_cosine_loss(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Feedback:
    """Does `function(h_s, h_t, mask)` return 1 - cosine of hidden states (B, N, D), the mean over real tokens?

    Explained in notebooks/08_language_models.
    """
    generator = torch.Generator().manual_seed(8)
    h_s, h_t = torch.randn(2, 3, 5, 4, generator=generator, dtype=torch.float64)
    mask = torch.arange(5) < torch.tensor([5, 3, 2])[:, None]
    cosine = F.cosine_similarity(h_s, h_t, dim=-1)
    told = 1 - cosine
    by_text = torch.stack([row[real].mean() for row, real in zip(told, mask, strict=True)]).mean()
    wrong = tensor(
        function,
        (h_s, h_t, mask),
        cosine_hidden_loss(h_s, h_t, mask),
        (
            (told.mean(), "Filling is counted: what is the mask for?"),
            ((told * mask).mean(), "Filling adds nothing, but still counts in the mean's denominator."),
            (cosine[mask].mean(), "That is the cosine itself, which is largest where the two agree."),
            (-cosine[mask].mean(), "The sign is right; but a student like its teacher should have a loss of 0."),
            (told[mask].sum(), "That is the sum over tokens; a long text would weigh more than the weights say."),
            (by_text, "Each text has the same weight in yours; the loss is the mean over tokens of all texts."),
            ((1 - (h_s * h_t).sum(-1))[mask].mean(), "Without dividing by the two norms the length counts as well."),
            (
                (1 - F.cosine_similarity(h_s, h_t, dim=1)).mean(),
                "The cosine runs along the wrong axis: which one holds the hidden units?",
            ),
        ),
        "The values differ from the mean of 1 - cosine over all real tokens.",
    )
    return wrong or Feedback(True, "Directions are compared and lengths left free, for real tokens alone.")


def check_repaired_token_loss(function: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> Feedback:
    """Is `function(s (B, N, V), t (B, N, V), mask (B, N), temperature)` T^2 KL, the mean over real tokens?

    Explained in notebooks/08_language_models.
    """
    generator = torch.Generator().manual_seed(9)
    s, t = torch.randn(2, 3, 5, 7, generator=generator, dtype=torch.float64)
    full = torch.ones(3, 5, dtype=torch.bool)
    short = torch.arange(5) < torch.tensor([5, 2, 1])[:, None]

    def right(s: Tensor, t: Tensor, mask: Tensor, temperature: float) -> Tensor:
        return kd_loss(s[mask], t[mask], temperature=temperature)

    probes = (
        ((s[:, :1], t[:, :1], full[:, :1], 2.0), "For texts of one token the value was right before; now it is not."),
        ((s, t, full, 2.0), "For texts of five tokens it is {ratio:.3g} times what it should be, without any filling."),
        (
            (s, t, short, 2.0),
            "Right without filling; where 7 of 15 tokens are filling it is {ratio:.3g} times too large.",
        ),
    )
    return repaired(function, right, probes, "Neither long texts nor filling change its scale.")
