"""Speed as ratios within one run: against the machine's own limit, and against the loop that one would write first.

`make bench` runs this on an otherwise idle machine and writes the table of README.md beside it.
"""

import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from cohort import cohort_row
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from kdbook.data import load_images
from kdbook.nets.vision import MLP
from kdbook.training import CachedTeacher, Distillation, HardLabels, fit, sgd

README = Path(__file__).parent / "README.md"
TEACHER, STUDENT = [784, 1200, 1200, 10], [784, 800, 800, 10]
IMAGES = 15_360  # an epoch of the benchmark: 60 batches of 256
ROUNDS = 5


def seconds_of(function) -> float:
    """Wall time of one call, s."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def matmul_seconds(sizes: list[int], batch_size: int, repeats: int = 12) -> float:
    """Time that the matrix products of one training step take by themselves, s.

    Per layer: forward, gradient of the weights, and gradient of the input except for the first layer.
    """
    total = 0.0
    for number, (inputs, outputs) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        x, w, g = torch.randn(batch_size, inputs), torch.randn(outputs, inputs), torch.randn(batch_size, outputs)
        products = [lambda x=x, w=w: x @ w.t(), lambda x=x, g=g: g.t() @ x]
        if number:
            products.append(lambda w=w, g=g: g @ w)
        for product in products:
            product()
            total += statistics.median(seconds_of(product) for _ in range(repeats))
    return total


def fit_seconds(model, objective, split, batch_size: int) -> float:
    """Time of one training step inside `fit`, s."""
    history = fit(model, objective, split, epochs=1, batch_size=batch_size, optimizer=sgd(0.01), seed=0, progress=False)
    return history.seconds / -(-len(split) // batch_size)


def teacher_rate(batch_size: int) -> tuple[float, float]:
    """Images a second of the teacher's training (dropout, shifts, max-norm) and of its matrix products alone."""
    split = load_images().rows(slice(IMAGES)).shifted()
    model = MLP(TEACHER, input_dropout=0.2, hidden_dropout=0.5, max_norm=3.5)
    fit_seconds(model, HardLabels(), split, batch_size)
    steps, limits = [], []
    for _ in range(ROUNDS):  # taken in turn, so that a slow moment of the machine hits both
        steps.append(fit_seconds(model, HardLabels(), split, batch_size))
        limits.append(matmul_seconds(TEACHER, batch_size))
    return batch_size / statistics.median(steps), batch_size / statistics.median(limits)


class Pictures(Dataset):
    """MNIST one image at a time, as tutorials do it."""

    def __init__(self, split, transform):
        self.split, self.transform = split, transform

    def __len__(self):
        return len(self.split)

    def __getitem__(self, i):
        return self.transform(self.split.x[i].numpy()), self.split.y[i]


def plain_rate(split, teacher, batch_size: int) -> float:
    """Images a second of a plain loop: DataLoader, torchvision transforms, the teacher asked at every step."""
    transform = transforms.Compose(
        [transforms.ToPILImage(), transforms.RandomCrop(28, padding=2), transforms.ToTensor()]
    )
    student = MLP(STUDENT).train()
    optimizer = torch.optim.SGD(student.parameters(), lr=0.01, momentum=0.9, nesterov=True)

    def epoch():
        for x, _ in DataLoader(Pictures(split, transform), batch_size, shuffle=True):
            with torch.no_grad():
                t = teacher(x).logits
            s = student(x).logits
            loss = 400 * F.kl_div(F.log_softmax(s / 20, -1), F.softmax(t / 20, -1), reduction="batchmean")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return len(split) / seconds_of(epoch)


def distillation_rates(batch_size: int = 128) -> tuple[float, float, float]:
    """Images a second of distilling the 800-unit student with shifts: ours, a plain loop's, the products' limit."""
    split = load_images().rows(slice(IMAGES)).shifted()
    teacher = MLP(TEACHER).eval()
    objective = Distillation(CachedTeacher.of(teacher, split), temperature=20.0, alpha=1.0)
    model = MLP(STUDENT)
    fit_seconds(model, objective, split, batch_size)
    ours, plain, limit = [], [], []
    for _ in range(ROUNDS):
        ours.append(batch_size / fit_seconds(model, objective, split, batch_size))
        plain.append(plain_rate(split.rows(slice(5_120)), teacher, batch_size))
        limit.append(batch_size / matmul_seconds(STUDENT, batch_size))
    return tuple(map(statistics.median, (ours, plain, limit)))


def import_seconds() -> float:
    """What importing kdbook's packages adds to importing torch, s; median of five fresh processes."""
    code = (
        "import time, torch; t = time.perf_counter(); import kdbook, kdbook.losses, kdbook.training;"
        "print(time.perf_counter() - t)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(5)]
    return statistics.median(float(run.stdout) for run in runs)


def figures_seconds() -> float:
    """Drawing every figure from the committed results in a fresh process, s."""
    code = "import sys, pathlib; from kdbook.show.figures import draw_all; draw_all(pathlib.Path(sys.argv[1]))"
    with tempfile.TemporaryDirectory() as folder:
        return seconds_of(lambda: subprocess.run([sys.executable, "-c", code, folder], check=True))


def main():
    """Measure everything and write the table."""
    rows = []
    for batch_size, aim in ((256, "65 %"), (128, "-")):
        rate, limit = teacher_rate(batch_size)
        rows.append(
            (
                f"teacher's training step, batch {batch_size}: share of the rate of its matrix products",
                f"{rate / limit:.0%} ({rate:,.0f} of {limit:,.0f} images/s)",
                aim,
            )
        )
    ours, plain, limit = distillation_rates()
    told = f"{ours / plain:.1f} times ({ours:,.0f} against {plain:,.0f} images/s; the products alone {limit:,.0f})"
    rows.append(("distilling 784-800-800-10 with shifts, batch 128: against a plain loop", told, "5 times"))
    rows.append(cohort_row())
    rows.append(("importing kdbook, added to importing torch", f"{import_seconds():.2f} s", "0.3 s"))
    rows.append(("drawing every figure (`make figures`)", f"{figures_seconds():.0f} s", "60 s"))
    lines = [
        "# Speed",
        "",
        "Ratios taken in one run, both sides in turn, medians. Written by `make bench`.",
        "",
        "| what | measured | aim |",
        "|---|---|---|",
        *(f"| {what} | {told} | {aim} |" for what, told, aim in rows),
        "",
        f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}. The plain loop: a",
        "DataLoader over single images, torchvision's RandomCrop with padding 2, the teacher asked at every step.",
    ]
    README.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
