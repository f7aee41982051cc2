"""Speed as ratios within one run: against the machine's own limit, and against the loops that others write.

`make bench` runs this on an otherwise idle machine and writes the table of README.md beside it.
"""

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cohort
import loops
import torch

from kdbook.book.shared.small_world import as_split
from kdbook.data import load_images
from kdbook.data.world import make_world
from kdbook.nets.gpt import GPT
from kdbook.nets.vision import MLP, ConvNet
from kdbook.training import CachedTeacher, Distillation, HardLabels, LiveTeacher, adam, fit, sgd
from kdbook.training.objectives import TeacherForced, labels

HERE = Path(__file__).parent
TEACHER, STUDENT = [784, 1200, 1200, 10], [784, 800, 800, 10]
IMAGES = 15_360  # an epoch of the benchmark: 60 batches of 256
TEXTS = 6_400
ROUNDS = 7
Row = tuple[str, str, str]  # what, measured, aim


def seconds_of(work: Callable) -> float:
    """Wall time of one call, s."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ratios(ours: Callable, theirs: Callable, rounds: int = ROUNDS) -> list[float]:
    """Our time over theirs, round by round, after one of each that is not counted; in turn, for a slow moment."""
    ours(), theirs()
    return [seconds_of(ours) / seconds_of(theirs) for _ in range(rounds)]


def told(found: list[float], form: str = "{:.2f}") -> str:
    """Median, and from where to where."""
    middle, low, high = (form.format(x) for x in (statistics.median(found), min(found), max(found)))
    return f"{middle} ({low} to {high})"


def trained(model, objective, split, batch_size: int, optimizer=None) -> None:
    """One epoch of `fit`."""
    optimizer = optimizer or sgd(0.01)
    fit(model, objective, split, epochs=1, batch_size=batch_size, optimizer=optimizer, seed=0, progress=False)


def products(sizes: list[int], batch_size: int, images: int) -> Callable:
    """The matrix products of an epoch by themselves: forward, and the gradients of weights and, later on, of inputs."""
    work = []
    for number, (inputs, outputs) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        x, w, g = torch.randn(batch_size, inputs), torch.randn(outputs, inputs), torch.randn(batch_size, outputs)
        work += [lambda x=x, w=w: x @ w.t(), lambda x=x, g=g: g.t() @ x]
        if number:
            work.append(lambda w=w, g=g: g @ w)

    def epoch() -> None:
        for _ in range(images // batch_size):
            for product in work:
                product()

    return epoch


def share(ours: Callable, sizes: list[int], batch_size: int) -> str:
    """How much of the time of training is that of its matrix products."""
    return told([1 / ratio for ratio in ratios(ours, products(sizes, batch_size, IMAGES))], "{:.0%}")


def limits() -> Iterator[Row]:
    """Training beside the machine's own limit."""
    shifted = load_images().rows(slice(IMAGES)).shifted()
    cached = Distillation(CachedTeacher(torch.randn(25, IMAGES, 10), shifted.index), loops.TEMPERATURE, 1.0)
    student, teacher = MLP(STUDENT), MLP(TEACHER, input_dropout=0.2, hidden_dropout=0.5, max_norm=3.5)
    for batch_size, aim in ((256, "70 %"), (128, "-")):
        what = (
            f"distilling 784-800-800-10, 25 shifts, cached teacher, batch {batch_size}: its products' share of the time"
        )
        yield what, share(lambda b=batch_size: trained(student, cached, shifted, b), STUDENT, batch_size), aim
    what = "training its teacher, dropout and max-norm, batch 256: its products' share of the time"
    yield what, share(lambda: trained(teacher, HardLabels(), shifted, 256), TEACHER, 256), "65 %"


def beside_loops() -> Iterator[Row]:
    """`fit` beside a well-written tensor loop on the same work: time over its time."""
    split, aim = load_images().rows(slice(IMAGES)), "at most 1"
    logits, asked = torch.randn(25, IMAGES, 10), loops.mlp(TEACHER).eval()
    for name, seen, answers in (("25 shifts, cached", split.shifted(), logits), ("cached", split, logits[:1])):
        cached = Distillation(CachedTeacher(answers, split.index), loops.TEMPERATURE, 1.0)
        ours, theirs = MLP(STUDENT), loops.mlp(STUDENT)
        found = ratios(
            lambda o=ours, c=cached, s=seen: trained(o, c, s, 128),
            lambda t=theirs, s=seen, a=answers: loops.tensor_loop(t, s, 128, a),
        )
        yield f"fit / tensor loop, 784-800-800-10, {name}, batch 128", told(found), aim
    live, ours, theirs = Distillation(LiveTeacher(asked), loops.TEMPERATURE, 1.0), MLP(STUDENT), loops.mlp(STUDENT)
    found = ratios(lambda: trained(ours, live, split, 128), lambda: loops.tensor_loop(theirs, split, 128, None, asked))
    yield "fit / tensor loop, 784-800-800-10, live teacher, batch 128", told(found), aim
    widths = [16, 32, 64]
    net, plain = ConvNet(widths), loops.convnet(widths)
    found = ratios(lambda: trained(net, HardLabels(), split, 256), lambda: loops.tensor_loop(plain, split, 256))
    yield "fit / tensor loop, convolutions 16-32-64, labels, batch 256", told(found), aim
    texts = make_world().sample(TEXTS, 0)
    for layers, width in ((1, 32), (2, 64)):
        shape = {"layers": layers, "width": width, "heads": 4, "vocabulary": 105, "length": 24}
        gpt, short = torch.nn.ModuleList([GPT(**shape)]), loops.ShortGPT(**shape)
        found = ratios(
            lambda g=gpt: trained(g, TeacherForced([labels()]), as_split(texts), 64, adam(1e-3)),
            lambda s=short: loops.text_loop(s, texts, 64),
        )
        yield f"fit / a loop in nanoGPT's manner, GPT of {layers} x {width}, batch 64", told(found), aim


def beside_habits() -> Iterator[Row]:
    """What most people write, and what a cache of the teacher costs."""
    split = load_images().rows(slice(5_120))
    shifted, teacher, student = split.shifted(), MLP(TEACHER).eval(), MLP(STUDENT)
    asked = loops.mlp(TEACHER).eval()
    cache = CachedTeacher.of(teacher, shifted)
    cached = Distillation(cache, loops.TEMPERATURE, 1.0)
    live = Distillation(LiveTeacher(teacher), loops.TEMPERATURE, 1.0)

    def ours() -> None:
        trained(student, cached, shifted, 128)

    plain = loops.mlp(STUDENT)
    found = ratios(lambda: loops.dataloader_loop(plain, split, 128, asked), ours, 3)
    yield "DataLoader, torchvision's RandomCrop, live teacher / fit with a full cache", told(found, "{:.1f}"), "5"
    try:
        found = told(ratios(lambda: loops.distillation_box(plain, split, 128, asked), ours, 3), "{:.1f}")
    except ImportError:
        found = "not measured: needs the extra `peers`"
    yield "torchdistill's DistillationBox, the same work / fit with a full cache", found, "-"
    filling = statistics.median(seconds_of(lambda: CachedTeacher.of(teacher, shifted)) for _ in range(3))
    saved = [seconds_of(lambda: trained(student, live, shifted, 128)) - seconds_of(ours) for _ in range(ROUNDS)]
    yield (
        "student epochs after which a cache of all 25 shifts has paid for itself",
        told([filling / s for s in saved], "{:.0f}"),
        "-",
    )


def cohorts() -> Iterator[Row]:
    """Many students as one, over one by one."""
    for count, aim in ((27, "0.2"), (100, "0.18")):
        found = told(ratios(*cohort.settings_of_one_seed(count), rounds=3))
        yield f"{count} settings of one seed as one, 784-30-30-10, batch 128 / one by one", found, aim
    for sizes in ([784, 64, 64, 10], [784, 800, 800, 10]):
        found = told(ratios(*cohort.seeds(20, sizes), rounds=3))
        yield f"20 seeds as one, {'-'.join(map(str, sizes))}, a draw each, batch 256 / one by one", found, "-"
    for widths in ([8, 16, 32], [16, 32, 64]):
        found = told(ratios(*cohort.convolutions(5, widths)))
        yield (
            f"5 stacks of convolutions {'-'.join(map(str, widths))} as grouped ones, batch 256 / one by one",
            found,
            ("0.77, or they stay single"),
        )


def cpu_seconds(*command: str, **environment: str) -> float:
    """Processor time of a command and its children, s."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=os.environ | environment, cwd=HERE.parent)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def start_up() -> Iterator[Row]:
    """What one waits for before anything is trained."""
    kdbook = [sys.executable, "-m", "kdbook"]
    for word in ("--help", "list"):
        found = [seconds_of(lambda w=word: subprocess.run([*kdbook, w], check=True, capture_output=True))] * 1
        found += [
            seconds_of(lambda w=word: subprocess.run([*kdbook, w], check=True, capture_output=True)) for _ in "12"
        ]
        yield f"`kdbook {word}`", f"{told(found)} s", "1 s"
    with tempfile.TemporaryDirectory() as folder:
        draw = "import sys, pathlib; from kdbook.show.figures import draw_all; draw_all(pathlib.Path(sys.argv[1]))"
        found = seconds_of(lambda: subprocess.run([sys.executable, "-c", draw, folder], check=True))
        yield "drawing every figure (`make figures`)", f"{found:.0f} s", "45 s"
        for chapter, aim in (("03_math", "15"), ("08_language_models", "25")):
            execute = [*kdbook, "execute", f"notebooks/{chapter}.py", "--output", f"{folder}/out.ipynb"]
            own = {"KDBOOK_HOME": f"{folder}/home", "OMP_NUM_THREADS": "1"}
            cpu_seconds(*execute, **own)
            found = cpu_seconds(*execute, **own)
            yield f"chapter {chapter[:2]} with its trials stored, one thread", f"{found:.0f} CPU s", f"{aim} CPU s"


def main() -> None:
    """Measure everything and write the table."""
    rows = [
        f"| {what} | {measured} | {aim} |"
        for part in (limits, beside_loops, beside_habits, cohorts, start_up)
        for what, measured, aim in part()
    ]
    lines = [
        "# Speed",
        "",
        "Ratios taken in one run, both sides in turn: the median, and from where to where. Written by `make bench`.",
        "",
        "| what | measured | aim |",
        "|---|---|---|",
        *rows,
        "",
        f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}. The loops stand in",
        "`loops.py`. The *tensor loop* is what a good programmer writes: data and the teacher's answers as tensors,",
        "fused SGD, the same schedule. The *DataLoader loop* is that of most tutorials: single images through PIL and",
        "torchvision, the teacher asked at every step. A cache of all shifts has its price, which the table tells too.",
    ]
    (HERE / "README.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
