"""What do soft targets hold? Measured on hinton_mnist's nets; nothing is trained here.

The teacher arm has one row a temperature: how unsure it is, what it says of 2s, the information about the input in its
answer, and the variance of the gradient that it gives. The student arms are compared with the teacher: class
similarities, features, mistakes. An untrained net is the zero line of each comparison.
"""

import numpy as np
import torch
import torch.nn.functional as F
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.spatial.distance import squareform
from scipy.special import softmax
from sklearn.metrics import confusion_matrix, roc_auc_score
from torch import Tensor

from kdbook.book.t_squared import by_temperature
from kdbook.data.images import Split, load_images
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.arms import trial as trial_of
from kdbook.lab.steps import predict, seeded_network, stored_network
from kdbook.losses import entropy_bits, soft_targets
from kdbook.show import HARD, SOFT, TEACHER, Look, by_arm, figure, gallery, heat, level, looks, temperatures

VERSION = 1
SEEDS = {"full": (5, 3), "quick": (2, 1)}  # students, teachers; all nets are hinton_mnist's
TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 20.0)
COLUMNS = columns(
    "arm seed temperature",
    arm="whose answers: the teacher's (a row a temperature), or a student's held against the teacher's",
    seed="seed of the net",
    temperature="T of the softmax",
    entropy_bits="mean entropy of the answer over test images, bits",
    information_bits="H(mean answer) - mean H(answer): information about the input, bits; at most log2(10) = 3.32",
    top="mean probability of the top class over test 2s",
    runner_up="median probability of the second class over test 2s",
    **{f"two_as_{c}": f"mean probability of class {c} over test 2s" for c in (1, 3, 7, 8)},
    gradient_variance="variance over images / squared mean of an untrained student's output-layer gradient, soft",
    gradient_variance_hard="the same with hard labels",
    similarity="correlation with the teacher's class-similarity matrix (log, off the diagonal)",
    cka="linear CKA of the last hidden layers on 2,000 test images",
    shared_mistakes="share of the teacher's mistakes for which the student gives the same wrong answer",
    confusion="correlation of the two confusion matrices off the diagonal",
    entropy_auc="chance that an image this student gets wrong has higher teacher entropy than one it gets right",
)


def arms(profile: str) -> dict[str, Arm]:
    """The teacher of the main experiment, and four of its students; only the untrained one is no stored net."""

    def student(label: str, role: str, net: str) -> Arm:
        return Arm(label, role, needs=("hinton_mnist/teacher", f"hinton_mnist/{net}"))

    return {
        "teacher": Arm("teacher", "teacher", needs=("hinton_mnist/teacher",), teaches=True),
        "untrained": student("untrained", "plain", "hard"),
        "hard": student("hard", "hard", "hard"),
        "distilled": student("distilled", "soft", "distilled"),
        "distilled_shifted": student("distilled\nshifted", "shifted", "distilled_shifted"),
    }


def class_similarity(logits: Tensor, y: Tensor, temperature: float = 4.0) -> Tensor:
    """Mean soft target of the images of each class: row a, column b = how much an a looks like a b.  (C, C)"""
    p = soft_targets(logits, temperature)
    return torch.stack([p[y == c].mean(0) for c in range(logits.shape[-1])])


def off_diagonal_correlation(a: Tensor, b: Tensor) -> float:
    """Pearson correlation of two square matrices without their diagonals; nan when one is constant."""
    off = ~torch.eye(len(a), dtype=torch.bool, device=a.device)
    return float(torch.corrcoef(torch.stack([a[off].double(), b[off].double()]))[0, 1])


def linear_cka(a: Tensor, b: Tensor) -> float:
    """Linear centred kernel alignment of two feature matrices (N, D1), (N, D2); Kornblith et al. 2019, eq. 2-3."""
    a, b = (a - a.mean(0)).double(), (b - b.mean(0)).double()
    cross, own = (a.T @ b).square().sum(), (a.T @ a).norm() * (b.T @ b).norm()
    return float(cross / own)


def gradient_noise(features: Tensor, difference: Tensor) -> float:
    """Total variance over examples of the output layer's gradient, divided by its squared mean.

    The gradient of one example is the outer product of `difference` (N, C), answer minus target, and `features`
    (N, D), so its squared norm is the product of two squared norms. A common factor (1/T or T^2) cancels.
    """
    mean = difference.T @ features / len(features)
    second = (difference.square().sum(1) * features.square().sum(1)).mean()
    return float((second - mean.square().sum()) / mean.square().sum())


def teacher_rows(model, test: Split, student, train: Split) -> list[dict]:
    """What the teacher says at each temperature, and the noise of the gradient that it gives an untrained student."""
    logits, twos = predict(model, test).logits, test.y == 2
    train_logits, out = predict(model, train).logits, predict(student, train, layers=(-1,))
    hard = gradient_noise(out.features[-1], out.logits.softmax(-1) - F.one_hot(train.y, 10))
    rows = []
    for t in TEMPERATURES:
        p = soft_targets(logits, t)
        of_twos, unsure = p[twos], entropy_bits(p).mean()
        soft = soft_targets(out.logits, t) - soft_targets(train_logits, t)
        rows.append(
            {
                "temperature": t,
                "entropy_bits": float(unsure),
                "information_bits": float(entropy_bits(p.mean(0)) - unsure),
                "top": float(of_twos.amax(-1).mean()),
                "runner_up": float(of_twos.topk(2).values[:, 1].median()),
                **{f"two_as_{c}": float(of_twos[:, c].double().mean()) for c in (1, 3, 7, 8)},
                "gradient_variance": gradient_noise(out.features[-1], soft),
                "gradient_variance_hard": hard,
            }
        )
    return rows


def teacher_pictures(logits: Tensor, test: Split) -> dict[str, np.ndarray]:
    """Images with their logits: six 2s over the range of certainty, and the most and least certain of all."""
    order = entropy_bits(logits.softmax(-1)).argsort(descending=True)
    twos = order[test.y[order] == 2]
    spread = twos[torch.linspace(0, len(twos) - 1, 6).long()]
    chosen = torch.cat([twos[[0, 4, 20]], spread[1:4]])
    pictures = {"similarity": class_similarity(logits, test.y)}
    for name, rows in (("twos", chosen), ("least_certain", order[:12]), ("most_certain", order[-12:])):
        pictures |= {f"{name}_images": test.x[rows], f"{name}_logits": logits[rows], f"{name}_labels": test.y[rows]}
    return {name: picture.numpy() for name, picture in pictures.items()}


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Read the stored nets and compare them, on the CPU, since not every device has float64."""
    (trial,) = trials
    test = load_images(trial.data, "test")
    teacher = stored_network(trial.needs[0], tools).cpu()
    said = predict(teacher, test, layers=(-1,))
    logits = said.logits
    if trial.arm == "teacher":
        tools.keep(trial, pictures=teacher_pictures(logits, test))
        few = load_images(trial.data, "train").rows(slice(2000))
        fresh = trial_of("hinton_mnist", "full", "hard", trial.seed)
        return [{"rows": teacher_rows(teacher, test, seeded_network(fresh), few)}]
    net = trial.needs[1]
    student = seeded_network(net) if trial.arm == "untrained" else stored_network(net, tools).cpu()
    heard = predict(student, test, layers=(-1,))
    answers, features = heard.logits, [out.features[-1][:2000] for out in (said, heard)]
    similar = [class_similarity(z, test.y) for z in (logits, answers)]
    confused = [confusion_matrix(test.y, z.argmax(-1), labels=range(10)) for z in (logits, answers)]
    mistaken = logits.argmax(-1) != test.y
    tools.keep(trial, pictures={"similarity": similar[1].numpy()})
    return [
        {
            "similarity": off_diagonal_correlation(similar[0].log(), similar[1].log()),
            "cka": linear_cka(*features),
            "shared_mistakes": float((answers.argmax(-1) == logits.argmax(-1))[mistaken].double().mean()),
            "confusion": off_diagonal_correlation(*map(torch.from_numpy, confused)),
            "entropy_auc": float(roc_auc_score(answers.argmax(-1) != test.y, entropy_bits(logits.softmax(-1)))),
        }
    ]


@figure("two_soft_targets", chapter="01", size=(12, 7), grid=(4, 6), sharex="row", sharey="row")
def two_soft_targets(panels, both):
    """The paper speaks of 1e-6 against 1e-9; here are real ones.

    Six real test images of a 2 and the teacher's probabilities for them at temperatures 1, 4 and 20, on a logarithmic
    scale. At 1 the other classes of a clear 2 lie many powers of ten below; at 20 all are visible.
    """
    gallery(panels[0], both.reference.array("teacher", "twos_images"))
    for column, z in zip(panels[1:].T, both.reference.array("teacher", "twos_logits").astype(float), strict=True):
        for axes, t in zip(column, (1.0, 4.0, 20.0), strict=True):
            axes.bar(range(10), softmax(z / t), color=[TEACHER if c == 2 else SOFT for c in range(10)])
            axes.set(yscale="log", ylim=(1e-10, 2), xticks=range(10), ylabel=f"T = {t:g}")
            axes.label_outer()
    panels[-1, 0].set_xlabel("class")
    panels[0, 0].figure.suptitle("The teacher's answer for six test images of a 2 (most ambiguous first)")


@figure("class_similarity", chapter="01", size=(15, 3.4), grid=(1, 5), legend=None)
def similarities(panels, both):
    """Row: true class; colour: mean soft target, logarithmic, diagonal left out.

    Class-similarity matrices at T = 4 of the teacher, an untrained net, a student of hard labels and a distilled
    student, and a tree of the teacher's classes. 4 joins 9, 3 joins 5; the hard student's matrix looks much alike.
    """
    shown = looks(arms("full"), ("teacher", "untrained", "hard", "distilled"), hard="hard labels")
    for axes, (arm, look) in zip(panels, shown.items(), strict=False):
        matrix = np.log10(both.reference.array(arm, "similarity").astype(float))
        np.fill_diagonal(matrix, np.nan)
        heat(axes, np.ma.masked_invalid(matrix), range(10), range(10))
        axes.set(title=look.label, xlabel="looks like")
    panels[0].set_ylabel("true class")
    log_p = np.log(both.reference.array("teacher", "similarity").astype(float))
    distance = -(log_p + log_p.T) / 2
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance - distance[distance > 0].min() * 0.9 * (distance > 0), checks=False), "average")
    dendrogram(tree, ax=panels[4], color_threshold=0, above_threshold_color=TEACHER)
    panels[4].set(title="teacher's classes as a tree", xlabel="class", yticks=[])
    panels[4].grid(visible=False)


@figure("similarity_to_teacher", chapter="01", size=(15, 3.8), grid=(1, 4))
def similarity_to_teacher(panels, both):
    """What a hard student learns by itself, and what soft targets add.

    Four panels: how like the teacher an untrained net, a student of hard labels and two distilled students are, in
    class similarities, features, confusions and mistakes. Hard labels already teach relations; soft targets more.
    """
    students = {arm: look for arm, look in looks(arms("full")).items() if arm != "teacher"}
    titles = {
        "similarity": "Class similarities (correlation)",
        "cka": "Last hidden layer (linear CKA)",
        "confusion": "Confusion matrix (correlation)",
        "shared_mistakes": "Teacher's mistakes repeated (share)",
    }
    for axes, (column, title) in zip(panels, titles.items(), strict=True):
        by_arm(axes, both, column, students)
        axes.set_title(title)


@figure("certainty_gallery", chapter="01", size=(13, 3.6), grid=(2, 12))
def certainty_gallery(panels, both):
    """Does the teacher's doubt match what the eye sees?

    Twelve test images with the highest and twelve with the lowest entropy of the teacher's answer. The uncertain ones
    are broken, slanted or between two digits; the certain ones are textbook digits.
    """
    for line, name in zip(panels, ("least_certain", "most_certain"), strict=True):
        images, logits = (both.reference.array("teacher", f"{name}_{part}") for part in ("images", "logits"))
        answers = [softmax(z.astype(float)) for z in logits]
        firsts = [np.argsort(p)[::-1][:2] for p in answers]
        gallery(line, images, [f"{a}: {p[a]:.2f}\n{b}: {p[b]:.2g}" for p, (a, b) in zip(answers, firsts, strict=True)])
    panels[0, 0].figure.suptitle("Teacher's two likeliest classes: least certain images above, most certain below")


@figure("information_by_temperature", chapter="01")
def information(axes, both):
    """I = H(mean answer) - mean H(answer) never exceeds log2 C, whatever the temperature.

    Mean entropy of the teacher's answer, and information about the input in it, over temperature, in bits, with the
    ceiling of log2 of 10. Entropy rises towards the ceiling while information falls towards zero.
    """
    level(axes, np.log2(10), "black", "log2(10): all a label can carry", ls=":", lw=1.5)
    by_temperature(axes, both, "entropy_bits", {"teacher": Look("mean entropy of one answer", HARD)}, None)
    by_temperature(axes, both, "information_bits", {"teacher": Look("information about the input", SOFT)})
    temperatures(axes, TEMPERATURES)
    axes.set(title="Bits in the teacher's answer, test images", ylabel="bits")


@figure("gradient_variance", chapter="01")
def gradient_variance(axes, both):
    """Hinton et al. 2015, section 1: soft targets give less variance between cases.

    Variance between training images of the output layer's gradient in an untrained student, relative to the mean
    gradient, over temperature, for soft targets, with hard labels as a level line.
    """
    by_temperature(axes, both, "gradient_variance", {"teacher": Look("soft targets", SOFT)}, None)
    by_temperature(axes, both, "gradient_variance_hard", {"teacher": Look("hard labels", HARD)})
    temperatures(axes, TEMPERATURES)
    axes.set(title="Noise of the gradient between images", ylabel="variance / squared mean", ylim=(0, None))
