"""The words against hand-computed numbers, and against simulated ledgers whose truth is known."""

import functools
import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kdbook.lab.draws import values
from kdbook.lab.intervals import t_interval
from kdbook.lab.verdicts import Aim, adjusted, detectable, draws_needed, outcome, p_value, verdict
from tests.lab.ledger_cases import check_of

EFFECT, NUMBER, VALUE = Aim(10.0), Aim(10.0, (15.0, 25.0)), Aim(None, (-3.0, 3.0))


@pytest.mark.parametrize(
    ("aim", "low", "high", "expected"),
    [
        (EFFECT, -9, -1, "opposite"),
        (EFFECT, -5, 9, "absent"),
        (EFFECT, 1, 9, "absent"),  # positive, and too small to be of interest
        (EFFECT, -5, 11, "cannot tell"),
        (EFFECT, 1, 11, "shown"),
        (EFFECT, 30, 40, "shown"),
        (NUMBER, 16, 22, "shown"),
        (NUMBER, 14, 18, "shown"),
        (NUMBER, 5, 12, "other size"),
        (NUMBER, 27, 30, "other size"),
        (NUMBER, 14, 26, "other size"),  # 20, but known to 6 only, where 5 is claimed
        (NUMBER, -1, 40, "cannot tell"),
        (NUMBER, 1, 9, "absent"),
        (VALUE, -2, 3, "shown"),
        (VALUE, -2, 4, "cannot tell"),
        (VALUE, 4, 5, "opposite"),
        (VALUE, -9, -4, "opposite"),
        (Aim(0.0), -1, 2, "cannot tell"),
        (Aim(0.0), -2, -1, "opposite"),
    ],
)
def test_the_outcome_of_a_check_follows_from_its_interval(aim, low, high, expected):
    assert outcome(((low + high) / 2, low, high), aim) == expected


@pytest.mark.parametrize(
    ("aim", "low", "high", "expected"),
    [
        (EFFECT, -9, -1, "cannot tell: set-up too small"),
        (EFFECT, 1, 9, "cannot tell: set-up too small"),
        (EFFECT, -5, 11, "cannot tell"),
        (EFFECT, 1, 11, "shown"),
        (VALUE, -2, 2, "cannot tell: set-up too small"),
        (VALUE, 4, 5, "cannot tell: set-up too small"),
    ],
)
def test_under_a_failed_control_nothing_is_denied_and_no_equality_shown(aim, low, high, expected):
    assert outcome(((low + high) / 2, low, high), aim, controlled=False) == expected


def test_an_absolute_value_compares_nothing_and_needs_no_control():
    assert outcome((0, -1, 1), VALUE, controlled=False, comparison=False) == "shown"
    # what it denies needs one as well, and what is undecided stays so
    assert outcome((5, 4, 6), VALUE, controlled=False, comparison=False) == "cannot tell: set-up too small"
    assert outcome((3, 2, 4), VALUE, controlled=False) == "cannot tell"


@pytest.mark.parametrize(
    ("outcomes", "q", "paper", "saying"),
    [
        (["shown"], 0.01, "shown", "saying holds"),
        (["shown", "other size"], 0.01, "shown, other size", "saying corrected"),
        (["shown", "absent"], 0.01, "partly", "saying corrected"),
        (["other size", "cannot tell"], 0.01, "partly", "cannot tell"),
        (["absent", "opposite"], 0.01, "contradicted", "saying corrected"),
        (["absent", "opposite"], 0.06, "cannot tell", "cannot tell"),
        (["absent", "cannot tell"], 0.01, "cannot tell", "saying corrected"),
        (["cannot tell: set-up too small"], 0.01, "cannot tell", "cannot tell"),
        (["shown", "no full results yet"], 0.01, "no full results yet", "no full results yet"),
    ],
)
def test_the_verdict_follows_from_the_key_checks(outcomes, q, paper, saying):
    q_values = [q] * len(outcomes)
    assert verdict(outcomes, q_values, saying=False) == paper
    assert verdict(outcomes, q_values, saying=True) == saying


def test_the_detectable_effect_is_that_which_four_of_five_experiments_find():
    # n = 5: the power of a t test with shift 4.51 / sqrt(5) ... 1.68 standard deviations, 1.35 half-widths
    assert detectable(1.0, 5) == pytest.approx(1.6821, abs=2e-4)
    half = stats.t.ppf(0.975, 4) / math.sqrt(5)
    assert detectable(1.0, 5) / half == pytest.approx(1.35, abs=0.01)
    draws = np.random.default_rng(0).normal(detectable(2.0, 5), 2.0, (4000, 5))
    assert (stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.02)
    assert detectable(1.0, 1) == math.inf


def test_the_draws_that_decide_are_the_fewest_whose_detectable_effect_is_s():
    needed = draws_needed(1.0, Aim(0.5))
    assert needed == 34  # a one-sample t test of half a standard deviation
    assert detectable(1.0, needed) <= 0.5 < detectable(1.0, needed - 1)
    assert draws_needed(1.0, Aim(None, (-0.5, 0.5))) == 18  # half-width t(17) / sqrt(18) = 0.4973
    assert draws_needed(1.0, Aim(0.0)) is draws_needed(1.0, Aim(1e-6)) is None


def test_p_is_of_no_effect_or_of_an_effect_of_s_or_of_the_edges_of_a_band():
    sample = [1.0, 2.0, 3.0, 4.0, 5.0]  # mean 3, standard error 0.70711: t = 4.2426, 4 degrees of freedom
    assert p_value(sample, Aim(1.0), "shown") == pytest.approx(0.013236, abs=1e-6)
    assert p_value(sample, Aim(6.0), "absent") == pytest.approx(0.013236 / 2, abs=1e-6)
    inside = p_value(sample, Aim(None, (0.0, 7.0)), "shown")
    assert inside == pytest.approx(0.013236 / 2, abs=1e-6)  # the nearer edge is the larger p
    assert p_value(sample, Aim(None, (6.0, 9.0)), "opposite") == pytest.approx(0.013236 / 2, abs=1e-6)


@pytest.mark.parametrize(("word", "p"), [("shown", 0.0), ("opposite", 0.0), ("cannot tell", 1.0)])
@pytest.mark.parametrize("aim", [Aim(1.0), Aim(None, (3.0, 3.0))])
def test_exact_numbers_are_certain(aim, word, p):
    assert p_value([3.0] * 4, aim, word) == p == p_value([3.0, 3.0 + 4e-16], aim, word)


def test_q_is_adjusted_over_all_keys():
    # by hand: sorted 0.01 0.02 0.03 0.5 of four -> 0.04 0.04 0.04 0.5
    assert adjusted([0.03, 0.5, 0.01, 0.02]) == pytest.approx([0.04, 0.5, 0.04, 0.04])
    assert adjusted([]) == []


# What a ledger may say of a claim whose effect is this many times the published one (S is half of that): of half of it
# both sides of S may be said, since it is S.
ACCEPTABLE = {
    1.0: {"shown", "cannot tell"},
    0.5: {"shown", "cannot tell", "contradicted"},
    0.0: {"contradicted", "cannot tell"},
    -1.0: {"contradicted", "cannot tell"},
}
S, LEDGERS, CLAIMS = 0.5, 1000, 4


@functools.cache
def ledgers(truth, mde, draws=5, seed=0):
    """Verdicts of simulated ledgers of four claims with this true effect: 1,000 of each, published effect 1."""
    deviation, aim, words = mde / detectable(1.0, draws), Aim(S), Counter()
    samples = np.random.default_rng(seed).normal(truth, deviation, (LEDGERS, CLAIMS, draws))
    effect = stats.ttest_1samp(samples, 0, axis=-1).pvalue
    below = stats.ttest_1samp(samples, S, axis=-1, alternative="less").pvalue
    for n, ledger in enumerate(samples):
        found = [outcome(t_interval(sample), aim) for sample in ledger]
        p = np.where(np.array(found) == "absent", below[n], effect[n])
        assert n or p == pytest.approx([p_value(sample, aim, word) for sample, word in zip(ledger, found, strict=True)])
        words.update(verdict([word], [q], saying=False) for word, q in zip(found, adjusted(p), strict=True))
    return {word: count / (LEDGERS * CLAIMS) for word, count in words.items()}


@pytest.mark.parametrize("truth", ACCEPTABLE)
@pytest.mark.parametrize("mde", [S, 3 * S])
def test_at_most_one_verdict_in_twenty_is_unacceptable_whatever_the_truth_and_the_noise(truth, mde):
    words = ledgers(truth, mde)
    assert sum(share for word, share in words.items() if word not in ACCEPTABLE[truth]) <= 0.05


def test_how_often_we_cannot_tell_is_what_the_power_says():
    # MDE = S: an effect of S is found in four experiments of five, and the absence of any denied as often
    half, none = ledgers(0.5, S), ledgers(0.0, S)
    assert half["shown"] == pytest.approx(0.78, abs=0.03) and half["cannot tell"] == pytest.approx(0.21, abs=0.03)
    assert none["contradicted"] == pytest.approx(0.77, abs=0.04) and none.get("shown", 0) <= 0.025
    assert ledgers(1.0, S)["shown"] >= 0.99 and ledgers(-1.0, S)["contradicted"] >= 0.99
    assert ledgers(0.0, 3 * S)["cannot tell"] >= 0.8


def test_students_of_one_teacher_do_not_pass_for_independent(tmp_path):
    # five teachers, four students each; the teacher's luck (sd 1) is shared, the student's own is small (sd 0.3)
    generator, check, wrong, naive = np.random.default_rng(1), check_of(tmp_path, than=0), 0, 0
    for _ in range(400):
        luck = generator.normal(0, 1, 5)
        seeds = np.arange(20)
        rows = pd.DataFrame({"arm": "distilled", "seed": seeds, "teacher_seed": seeds % 5})
        rows["test_errors"] = luck[seeds % 5] + generator.normal(0, 0.3, 20)
        wrong += outcome(t_interval(-values(check, rows)), Aim(S)) in ("shown", "opposite")
        naive += outcome(t_interval(-rows["test_errors"]), Aim(S)) in ("shown", "opposite")
    assert len(values(check, rows)) == 5
    assert wrong / 400 <= 0.08 and naive / 400 > 0.25
