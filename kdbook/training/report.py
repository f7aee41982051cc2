"""What came of a distillation: a report card of teacher, student alone and student distilled, on held-out data."""

from dataclasses import dataclass
from statistics import median
from timeit import Timer

import torch
from torch import Tensor, nn

from kdbook import needed
from kdbook.data.images import Split
from kdbook.losses import hard_loss
from kdbook.nets.vision import Outputs, count_bytes, count_parameters
from kdbook.training.teachers import evaluating

TEACHER, ALONE, DISTILLED = "teacher", "student alone", "student distilled"


@dataclass
class Report:
    """What `distil` found. It shows itself as a table.

    >>> errors = {"teacher": 10.0, "student alone": 30.0, "student distilled": 15.0}
    >>> rows = {name: {"wrong, %": wrong} for name, wrong in errors.items()}
    >>> Report(torch.nn.Linear(1, 1), None, rows, tries=[], notes=[]).gap_closed
    0.75

    Parameters
    ----------
    student : nn.Module
        The distilled student: the very net that was given, trained, in eval mode.
    alone : nn.Module or None
        The same student trained on labels, with as many tries and steps; None where there are no labels.
    rows : dict of str to dict
        What was measured of each net, by its name.
    tries : list of dict
        Every training: whose, its learning rate, errors (%) and loss on validation data, seconds.
    notes : list of str
        What it was measured on, what was done, and what is doubtful.
    """

    student: nn.Module
    alone: nn.Module | None
    rows: dict[str, dict]
    tries: list[dict]
    notes: list[str]

    @property
    def gap_closed(self) -> float | None:
        """Share of the gap between student alone and teacher that the distilled one closes; None without a gap."""
        teacher, alone, distilled = (self.rows.get(name, {}).get("wrong, %") for name in (TEACHER, ALONE, DISTILLED))
        return None if alone is None or alone <= teacher else (alone - distilled) / (alone - teacher)

    def table(self):
        """The card as a DataFrame, a row a net; needs pandas, `rows` does not."""
        return needed("pandas").DataFrame(self.rows).T

    def __repr__(self) -> str:
        lines = [" " * 24 + "".join(f"{net:>19}" for net in self.rows)]
        for name in self.rows[DISTILLED]:
            told = [row.get(name, "") for row in self.rows.values()]
            lines.append(f"{name:24}" + "".join(f"{v:>19.3g}" if isinstance(v, float) else f"{v:>19}" for v in told))
        return "\n".join([*lines, *self.notes])


def measured(net: nn.Module, split: Split, logits: Tensor, teacher_logits: Tensor) -> dict[str, float]:
    """What a report card says of a net and of its answers on a split: `scored`, size and speed.

    Milliseconds are the median of 21 passes, on the threads and the device that are used.
    """
    told = scored(logits, split.y, teacher_logits)
    told |= {"parameters": f"{count_parameters(net):,}", "megabytes": count_bytes(net) / 1e6}
    for count in (1, 32):
        x, _ = next(split.batches(torch.arange(count, device=split.y.device) % len(split), None, count))
        with evaluating(net):
            timer = Timer(lambda x=x: Outputs.of(net(x)).logits[0, 0].item())  # a number makes any device finish
            told[f"ms, {count} at a time"] = 1e3 * median(timer.repeat(21, 1))
    return told


def scored(logits: Tensor, y: Tensor, teacher_logits: Tensor) -> dict[str, float]:
    """Errors, loss and calibration by labels, and fidelity; without labels the loss is the KL from the teacher."""
    faith = fidelity(logits, teacher_logits)
    if bool((y < 0).any()):
        return {"loss, nats": faith["mean_kl"], **faith}
    told = {"wrong, %": 100 * errors(logits, y) / len(y), "loss, nats": float(hard_loss(logits, y))}
    return {**told, "calibration error, %": expected_calibration_error(logits, y), **faith}


def errors(logits: Tensor, y: Tensor) -> int:
    """Number of wrong top-1 answers."""
    return int((logits.argmax(-1) != y).sum())


def expected_calibration_error(logits: Tensor, y: Tensor, bins: int = 15) -> float:
    """Gap between confidence and accuracy, averaged over bins of confidence by their share of the images, in %.

    Guo et al. 2017, On Calibration of Modern Neural Networks, eq. 3, with its 15 bins of equal width: bin m holds
    confidences in ((m - 1) / bins, m / bins].

    >>> sure = torch.tensor([[9.0, 0.0], [9.0, 0.0]])
    >>> round(expected_calibration_error(sure, torch.tensor([0, 1])))  # sure of both, right in one
    50
    """
    confidence, answer = logits.double().softmax(-1).max(-1)
    at = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gap = (confidence - (answer == y).double()).cpu()
    return 100 * float(torch.zeros(bins, dtype=torch.float64).index_add(0, at.cpu(), gap).abs().sum()) / len(y)


def fidelity(student_logits: Tensor, teacher_logits: Tensor) -> dict:
    """Top-1 agreement (share) and mean KL(teacher || student) at T = 1 (nats); Stanton et al. 2021, section 3.

    >>> answers = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> fidelity(answers, answers)
    {'agreement': 1.0, 'mean_kl': 0.0}
    """
    log_p, log_q = teacher_logits.log_softmax(-1), student_logits.log_softmax(-1)
    return {
        "agreement": float((student_logits.argmax(-1) == teacher_logits.argmax(-1)).float().mean()),
        "mean_kl": float((log_p.exp() * (log_p - log_q)).sum(-1).mean()),
    }
