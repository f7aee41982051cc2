"""Is the teacher too slow and too large? Time, bytes and multiply-adds of every net of the MNIST chapters.

The numbers are facts about the machine that measured them: compare them as ratios.
"""

from kdbook.book.shared.timings import median_milliseconds, over, timings_of_images
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.nets.vision import count_bytes, count_multiply_adds, count_parameters
from kdbook.show import figure, looks, names, plain, seeds, yours

VERSION = 1
CARDS = ()  # random weights: nothing is learned from data
SEEDS = {"full": (5, 0), "quick": (2, 0)}  # repetitions; no teachers
COLUMNS = columns(
    "arm seed batch_size milliseconds parameters bytes multiply_adds",
    arm="network",
    seed="repetition",
    batch_size="images in one forward pass",
    bytes="size of the weights, bytes",
)
TEACHER = "784-1200-1200-10"
BATCH_SIZES = (1, 64)
COUNTS = {"parameters": count_parameters, "bytes": count_bytes, "multiply_adds": count_multiply_adds}


def arms(profile: str) -> dict[str, Arm]:
    """Every network."""
    passes = {"passes": 40 if profile == "quick" else 200}
    hidden = {TEACHER: 1200, "784-800-800-10": 800, "784-300-300-10": 300, "784-30-30-10": 30}
    found = {name: Arm(f"{n}-{n}", settings={"sizes": [784, n, n, 10], **passes}) for name, n in hidden.items()}
    return found | {"LeNet-5": Arm("LeNet-5", settings={"net": "lenet5", **passes})}


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Time one network at batch sizes 1 and 64; nothing is trained."""

    def clock(net, x, passes: int) -> dict:
        return {"milliseconds": median_milliseconds(net, x, passes)}

    return timings_of_images(trials, tools, BATCH_SIZES, clock, COUNTS)


ARMS = looks(arms("full"))


@figure("latency_ratios", chapter="00", size=(12, 3.8), grid=(1, 3))
def ratios(weights, one, many, both):
    """Small and fast are two things.

    How many times smaller and faster than the teacher four nets are: weights, time for one image, time for 64. Size
    shrinks as the weights do; the time for a single image shrinks less.
    """
    for axes, batch_size, column in ((weights, 1, "bytes"), (one, 1, "milliseconds"), (many, 64, "milliseconds")):
        times = both.map(lambda t, n=batch_size, c=column: {a: over(t, TEACHER, a, c, batch_size=n) for a in ARMS})
        for at, (arm, look) in enumerate(ARMS.items()):
            seeds(axes, at, times.reference[arm], look.colour)
            if both.mine is not None:
                yours(axes, at, times.mine[arm], None if at else "yours")
        names(axes, [look.label for look in ARMS.values()])
        plain(axes.yaxis, scale="log")
        axes.set_xlabel("hidden units, or net")
    weights.set(title="Size of the weights", ylabel="times smaller or faster than the teacher")
    one.set_title("Time, one image")
    many.set_title("Time, 64 images")
