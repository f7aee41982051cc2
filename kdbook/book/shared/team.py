"""What a generalist answers, alone, with its specialists, or as one of an ensemble: chapter 06's questions share it.

A trial of a team needs the generalist, the clusters of its classes, and every specialist, in this order; one of an
ensemble needs generalists.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from kdbook.data.glosses import Texts, load_glosses
from kdbook.lab import Tools, Trial
from kdbook.lab.steps import network, predict, stored_network, teacher_answers
from kdbook.training import EnsembleTeacher, LiveTeacher
from kdbook.training.opinions import HalfSpecial, Opinion, active_specialists, combine, corrected


def training_texts(trial: Trial, tools: Tools) -> Texts:
    """The part ``fit``, or of a quick trial one text in `every`: neighbours in WordNet's order are of one class."""
    return load_glosses("fit", tools.device).rows(slice(None, None, trial.settings.get("every", 1)))


def members_of(team: Trial, tools: Tools) -> Tensor:
    """Which classes each specialist knows (M, C)."""
    return tools.tensors(team.needs[1])["members"]


def generalist_log_p(trial: Trial, split: Texts, tools: Tools) -> Tensor:
    """Log-probabilities of the generalist that a trial needs first."""
    return teacher_answers(trial.needs[0], split, tools).log_softmax(-1)


def ensemble_log_p(trial: Trial, split: Texts, tools: Tools) -> Tensor:
    """Log of the mean of the generalists' answers."""
    teacher = EnsembleTeacher([LiveTeacher(stored_network(need, tools)) for need in trial.needs])
    rows = torch.arange(len(split), device=split.x.device)
    return torch.cat([teacher.soft_targets(x, rows[at]).logits for x, at in split.batches(rows, None, 2000)])


def team_log_p(team: Trial, split: Texts, tools: Tools) -> Tensor:
    """Log of the answer of generalist and specialists together, each asked by the generalist's likeliest class."""
    log_p = generalist_log_p(team, split, tools)
    active = active_specialists(log_p, members_of(team, tools))
    return combine(log_p, opinions_of(team, split, tools), active).clamp_min(1e-12).log()


def opinions_of(team: Trial, split: Texts, tools: Tools, correction: str = "sampling") -> list[Opinion]:
    """What each specialist of a team says, with its dustbin corrected.

    ``sampling``, as in the paper, by how much more often special texts were seen than they occur; ``none``, not at all;
    ``routed``, for how often they occur among the texts that this specialist is asked about (by the generalist's own
    estimate, no labels).
    """
    log_p, members = generalist_log_p(team, split, tools), members_of(team, tools)
    active, fit = active_specialists(log_p, members), training_texts(team.needs[0], tools)
    found = []
    for need, mine, asked in zip(team.needs[2:], members, active.t(), strict=True):
        logits, classes = specialist_logits(need, split, tools), mine.nonzero()[:, 0]
        if logits.shape[1] == len(mine):  # it knows all classes: no text falls into its dustbin
            found.append(Opinion(torch.arange(len(mine)), pad(logits.log_softmax(-1), (0, 1), value=-1e4)))
            continue
        raised = 0.0
        if correction == "sampling":
            raised = HalfSpecial.of(fit, classes).log_oversampling
        elif correction == "routed":
            share = log_p[asked][:, classes].exp().sum(1).mean().nan_to_num(0.5).clamp(0.01, 0.99)
            raised = float(torch.log((1 - share) / share))
        found.append(Opinion(classes, corrected(logits, raised).log_softmax(-1)))
    return found


def specialist_logits(trial: Trial, split: Texts, tools: Tools) -> Tensor:
    """What a stored specialist says; beside its weights it keeps the share of the training texts that it saw."""
    model, weights = network(trial.settings), tools.tensors(trial)
    del weights["seen"]
    model.load_state_dict(weights)
    return predict(model.to(tools.device).eval(), split).logits
