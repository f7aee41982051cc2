"""How often does the ledger say which word, when the truth is known? Simulated experiments; nothing is trained.

Five draws a comparison, with as much spread as makes the minimal detectable effect equal to S, the smallest effect of
interest, which is half of the published one. The words are those that `kdbook.lab.verdicts` gives the ledger.
"""

from collections import Counter

import numpy as np

from kdbook.lab import Arm, Tools, Trial, columns, t_interval
from kdbook.lab.verdicts import ABSENT, CANNOT_TELL, OPPOSITE, SHOWN, Aim, detectable, outcome
from kdbook.show import CONTROL, HARD, PLAIN, SOFT, figure, level

VERSION, DATA = 1, "published"
CARDS = ()  # nothing is learned from anything
SEEDS = {"full": (1, 0), "quick": (1, 0)}
COLUMNS = columns(
    "arm seed",
    effect="the true effect, as a multiple of the published one",
    word="what the ledger says of a check",
    share="how often, % of the simulated experiments",
)
WORDS = {SHOWN: SOFT, CANNOT_TELL: PLAIN, ABSENT: CONTROL, OPPOSITE: HARD}


def arms(profile: str) -> dict[str, Arm]:
    """A true effect an arm, from reversed to a quarter more than published."""
    runs = {"runs": 20_000 if profile == "full" else 2_000, "draws": 5, "smallest": 0.5}
    effects = np.arange(-1, 1.26, 0.125).tolist()
    return {f"{effect:g}": Arm(f"{effect:g}", settings={"effect": effect, **runs}) for effect in effects}


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Draw experiments of one true effect, and count the words."""
    settings = trials[0].settings
    draws, aim = settings["draws"], Aim(settings["smallest"])
    spread = aim.smallest / detectable(1.0, draws)
    generator = np.random.default_rng(round(1000 * settings["effect"]) + 10_000)
    samples = generator.normal(settings["effect"], spread, (settings["runs"], draws))
    words = Counter(outcome(t_interval(sample), aim) for sample in samples)
    return [{"rows": [{"word": word, "share": 100 * words[word] / len(samples)} for word in WORDS]}]


@figure("operating_curve", chapter="00", size=(8.5, 4.2), legend=0)
def words_by_effect(axes, both):
    """What the ledger says of an effect of known size.

    Over the true effect as a multiple of the published one, how often each word is given: opposite for reversed
    effects, absent around none, shown from half of the published effect on, and cannot tell where one gives way to the
    next.
    """
    for word, colour in WORDS.items():
        rows = both.rows(word=word).reference
        axes.plot(rows.effect, rows.share, color=colour, label=word)
    level(axes, 5, ls=":")
    axes.axvline(0.5, color=PLAIN, lw=1, ls=":")
    axes.set(xlabel="true effect / published effect (dotted: the smallest of interest)", ylabel="% of experiments")
    axes.set_title("Which word, for which truth: five draws, MDE = S")
