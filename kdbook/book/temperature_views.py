"""What does a temperature do to a teacher's answers, and which logits does a student then learn from?

Hinton et al. 2015, eq. 1 and section 2.1, on the stored nets of hinton_mnist; nothing is trained. `teacher` asks for
the softmax's shape, and `gaussian` for that of 10 logits drawn from a normal law of standard deviation 4. The students'
arms ask for the gradient (q - p)/T of the divergence, before any training and after training on hard labels.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook.book import hinton_mnist
from kdbook.data.images import load_images
from kdbook.lab.arms import trial as trial_of
from kdbook.lab.steps import predict, seeded_network, stored_network
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.losses import soft_targets

VERSION = 1
TEMPERATURES = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 20.0, 40.0, 100.0)
GAUSSIAN = {"rows": 10_000, "classes": 10, "deviation": 4.0}
STUDENTS = ("untrained", "hard")
KEPT = 2_000  # first test images whose logits the chapters' sliders and typed experiments start from
SEEDS = {"full": 3, "quick": 1}

COLUMNS = {
    "arm": "whose answers: the teacher's, random logits; or which student is compared with the teacher",
    "seed": "seed of the net, or of the random logits",
    "temperature": "T of the softmax, a row each; below 1 it sharpens",
    "entropy_share": "mean entropy of the answer over test images, as a share of log C, its largest value",
    "top": "mean probability of the top class",
    "wrong_mass": "mean probability of all classes but the label",
    "argmax_changed": "test images whose top class is another than at T = 1",
    "low_five": "share of the gradient's sum of magnitudes that falls on the five lowest of the teacher's logits",
    "cosine_with_hard": "cosine between the gradients of soft targets at T and of hard labels, over all test images",
}


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """For each teacher its own arm, random logits, and two students."""
    check_profile(profile)
    made = []
    for seed in range(min(len(seeds_of(seeds, SEEDS[profile])), hinton_mnist.SEEDS[profile][1])):
        teacher, student = (
            trial_of("hinton_mnist", profile, "teacher", seed),
            trial_of("hinton_mnist", profile, "hard", seed),
        )
        needs = {"teacher": (teacher,), "gaussian": (), **dict.fromkeys(STUDENTS, (teacher, student))}
        settings = {"gaussian": GAUSSIAN}
        made += [
            Trial("temperature_views", arm, seed, settings.get(arm, {}), needs=needs[arm], version=VERSION)
            for arm in needs
        ]
    return made


def shape_of(logits: Tensor, temperature: float) -> dict[str, float]:
    """How flat the answers to logits (B, C) are at a temperature."""
    p = soft_targets(logits, temperature)
    return {
        "entropy_share": float(torch.special.entr(p).sum(-1).mean()) / math.log(p.shape[-1]),
        "top": float(p.amax(-1).mean()),
        "argmax_changed": int((p.argmax(-1) != logits.argmax(-1)).sum()),
    }


def wrong_mass(logits: Tensor, y: Tensor, temperature: float) -> float:
    """Mean probability of all classes but the label y (B,), summed over them: 1 - p[y] would round to 0 when sharp."""
    p = soft_targets(logits, temperature)
    return float(p.scatter(-1, y[:, None], 0.0).sum(-1).mean())


def kd_gradient(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Gradient (B, C) of KL(p || q) with respect to the student's logits, (q - p) / T (Hinton et al. 2015, eq. 2)."""
    return (soft_targets(student_logits, temperature) - soft_targets(teacher_logits, temperature)) / temperature


def share_of_lowest(gradient: Tensor, teacher_logits: Tensor, count: int = 5) -> float:
    """Part of the sum of ``|gradient|`` that falls on each row's `count` lowest teacher logits; 0.5 for no preference.

    Summed over all rows before dividing, so that rows without a gradient say nothing.
    """
    lowest = teacher_logits.topk(count, largest=False).indices
    return float(gradient.gather(-1, lowest).abs().sum() / gradient.abs().sum())


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """One row a temperature, in float64 on the CPU: at T = 0.25 a float32 has no digits left for the wrong classes."""
    (trial,) = trials
    if trial.arm == "gaussian":
        logits = gaussian_logits(trial.seed)
        return [{"rows": [{"temperature": t, **shape_of(logits, t)} for t in TEMPERATURES]}]
    test = load_images(trial.data, "test")
    logits = predict(stored_network(trial.needs[0], tools).cpu(), test).logits.double()
    if trial.arm == "teacher":
        keep_first(trial, logits, tools)
        rows = [
            {"temperature": t, **shape_of(logits, t), "wrong_mass": wrong_mass(logits, test.y, t)} for t in TEMPERATURES
        ]
        return [{"rows": rows}]
    student = trial.needs[1]
    model = seeded_network(student) if trial.arm == "untrained" else stored_network(student, tools).cpu()
    answers = predict(model, test).logits.double()
    keep_first(trial, answers, tools)
    hard = answers.softmax(-1) - F.one_hot(test.y, answers.shape[-1])
    rows = []
    for t in TEMPERATURES:
        soft = kd_gradient(answers, logits, t)
        cosine = float(F.cosine_similarity(soft.flatten(), hard.flatten(), dim=0))
        rows.append({"temperature": t, "low_five": share_of_lowest(soft, logits), "cosine_with_hard": cosine})
    return [{"rows": rows}]


def keep_first(trial: Trial, logits: Tensor, tools: Tools) -> None:
    """Logits of the first test images, of the first seed only: a picture needs one net."""
    if trial.seed == 0:
        tools.keep(trial, pictures={"test_logits": logits[:KEPT].float().numpy()})


def gaussian_logits(seed: int) -> Tensor:
    """Random logits (rows, classes) of `GAUSSIAN`, float64."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(GAUSSIAN["rows"], GAUSSIAN["classes"], generator=generator, dtype=torch.float64)
    return drawn * GAUSSIAN["deviation"]
