"""The README: short, and every number in it is that of the committed results."""

import re
from pathlib import Path

import pytest

from kdbook.lab import load

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
WORDS = " ".join(README.split())


def mean(question, arm, column="test_errors", **where):
    rows = load(question)
    rows = rows[rows.arm == arm] if arm else rows
    for name, value in where.items():
        rows = rows[rows[name] == value]
    assert len(rows)
    return rows[column].mean()


def fitted(epochs):
    """Errors that learning with a peer costs after so many epochs, seed by seed."""
    rows = load("how_far_fitted")
    rows = rows[(rows.epochs == epochs) & (rows.decay == "usual")].pivot(
        index="seed", columns="method", values="test_errors"
    )
    return (rows.dml_2 - rows.labels).mean()


def kept(arm, column):
    """Per cent of the 1,010 test threes that a student names."""
    return 100 - mean("missing_digit", arm, column) / 10.1


def best_temperature(width):
    rows = load("temperature_by_width")
    return rows[rows.width == width].groupby("temperature").test_errors.mean().idxmin()


def sayings():
    """Sentences with the numbers that the results have."""
    intents = {
        arm: mean("own_intents", arm, "score") for arm in ("labels", "soft_few", "hard_many", "soft_many", "teacher")
    }
    gap = {arm: mean("capacity_gap", arm) for arm in ("mlp_64", "conv_32", "labels")}
    taught = {arm: mean("capacity_gap", arm, best=1) for arm in ("from mlp_64, T = 4", "from conv_32, T = 2")}
    modes = load("who_teaches").pivot(index="seed", columns="arm", values="mean_errors")
    few = {arm: 100 * mean("soft_target_regularizer", arm, "test_accuracy") for arm in ("hard", "soft")}
    yield f"2,000 labelled pictures of clothes makes {mean('few_labels', 'labels 2000'):,.0f} errors"
    yield f"its student makes {mean('few_labels', 'soft 50000 of 2000'):,.0f}."
    yield f"take a student from {few['hard']:.1f} % right to {few['soft']:.1f} %"
    yield f"a bag of words gets {intents['labels']:.1f} % of their questions right"
    yield f"soft targets for the same texts {intents['soft_few']:.1f} %"
    yield f"all texts {intents['hard_many']:.1f} % (hard) or {intents['soft_many']:.1f} % (soft)."
    yield f"The teacher: {intents['teacher']:.1f} %"
    yield f"It names {kept('no_3', 'errors_on_three'):.0f} % of all 3s"
    yield f"and {kept('no_3', 'errors_on_three_bias'):.0f} % once one number is changed"
    yield f"After 5 epochs learning with a peer costs {fitted(5):.0f} errors; after 60 it saves {-fitted(60):.0f}."
    yield f"64 units makes {gap['mlp_64']:,.0f} errors and its student {taught['from mlp_64, T = 4']:,.0f};"
    yield f"net makes {gap['conv_32']:.0f}, and its student {taught['from conv_32, T = 2']:,.0f}."
    yield f"(With labels alone it is {gap['labels']:,.0f}.)"
    hinton = [mean("hinton_mnist", arm) for arm in ("hard", "distilled", "hard_regularized")]
    yield "{:.0f} errors become {:.0f}; the teacher's regularisers alone give {:.0f}".format(*hinton)
    yield "{:g}, {:g}, {:g} and {:g} for 10 to 300 units".format(*map(best_temperature, (10, 30, 100, 300)))
    factor = [mean("t_squared", arm, temperature=20) for arm in ("mixed", "mixed_without")]
    yield "at T = 20, {:.0f} errors with it and {:.0f} without".format(*factor)
    types = load("which_knowledge").groupby("arm").test_errors.mean()
    yield f"Answers save {types.hard - types.kd:.0f} errors of {types.hard:,.0f}, angles between images alone"
    yield f"angles between images alone {types.hard - types.rkd_a:.0f}; together"
    assert abs(types.kd - types.rkd_a_kd) < (types.hard - types.kd) / 10
    yield f"A teacher of more labels: {(modes.hard - modes.offline_large).mean():.0f} errors fewer."
    yield f"Two peers: {(modes.independent_4 - modes.dml_equal).mean():.0f}, if the nets"
    assert min((modes[longer] - modes.hard).mean() for longer in ("hard_double", "hard_quadruple")) > 0


@pytest.mark.parametrize("saying", [*sayings()])
def test_a_finding_has_the_numbers_of_the_committed_results(saying):
    assert saying in WORDS


def test_a_student_without_the_small_probabilities_of_a_3_names_none():
    assert kept("no_3_no_probability", "errors_on_three") == 0
    assert "and it names none" in WORDS


@pytest.mark.parametrize(
    ("claim", "column", "words"),
    [
        ("specialists-table3", "ours", "4 % more right answers"),
        ("speech-table1", "both", "22 % of an ensemble's gain, not 86 %"),
    ],
)
def test_what_a_chapter_answers_stands_in_the_ledger(claim, column, words):
    line = next(line for line in (ROOT / "results" / "CLAIMS.md").read_text().splitlines() if f"](#{claim})" in line)
    _, _, _, ours, _, carried, *_ = line.split("|")
    numbers = [float(ours.split()[0])] + [float(carried)] * (column == "both")
    assert [float(number) for number in re.findall(r"([\d.]+) %", words)] == [round(number) for number in numbers]
    assert words in WORDS


def test_the_readme_is_short_and_its_pictures_are_there():
    assert len(README.encode()) <= 8_000
    pictures = re.findall(r'src="([^"]+)"|!\[[^]]*\]\(([^)]+)\)', README)
    assert len(pictures) > 11
    assert all((ROOT / (html or markdown)).exists() for html, markdown in pictures)


def test_every_chapter_has_a_picture_a_question_and_an_answer():
    rows = re.findall(r"^\| <img [^|]+\| \[[^|]+\((notebooks/[^|]+)\) \| [^|]+\? \| [^|]+ \|$", README, re.MULTILINE)
    assert rows == [f"notebooks/{path.name}" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
