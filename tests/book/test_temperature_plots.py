"""Figures of chapter 02, drawn from invented measurements of the trials that there are."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from kdbook.book.plots.temperature_by_width import paired
from kdbook.lab import arms
from kdbook.lab.results import Results
from kdbook.show.compare import compare_figures
from kdbook.show.drawing import curve
from kdbook.show.figures import registered, save

FIGURES = (
    "temperature_by_width",
    "temperature_errors_and_agreement",
    "temperature_flattens",
    "gradient_by_temperature",
    "alpha_sweep",
)


def invented(name: str, profile: str) -> Results:
    """A table of an experiment's trials with a random number in every column that is measured."""
    generator, experiment, rows = np.random.default_rng(0), arms.question(name), []
    for trial in experiment.trials(profile):
        row = {column: generator.uniform(0.1, 0.9) for column in experiment.COLUMNS}
        row |= {"arm": trial.arm, "seed": trial.seed, **trial.settings}
        if "sizes" in row:
            row["width"] = row.pop("sizes")[1]
        rows += [{**row, "temperature": t} for t in experiment.TEMPERATURES] if name == "temperature_views" else [row]
    return Results(pd.DataFrame(rows))


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", FIGURES)
def test_a_quick_run_draws_the_axes_and_series_of_the_full_one(name, tmp_path):
    entry = registered()[name]
    assert entry.chapter == "02"
    full, quick = (invented(entry.experiment, profile) for profile in ("full", "quick"))
    for folder, drawn in (("full", entry.draw(full)), ("quick", entry.draw(quick)), ("both", entry.draw(full, quick))):
        save(drawn, name, alt=entry.alt, folder=tmp_path / folder)
    assert compare_figures(tmp_path / "full", tmp_path / "quick") == []
    assert compare_figures(tmp_path / "full", tmp_path / "both") == []


def test_excess_is_relative_to_the_mean_of_the_same_seed_and_width():
    table = pd.DataFrame(
        {"width": [10, 10, 10, 10, 30, 30], "seed": [0, 0, 1, 1, 0, 0], "test_errors": [90, 110, 30, 50, 8, 8]}
    )
    assert paired(table).excess.tolist() == pytest.approx([-10, 10, -25, 25, 0, 0])


def test_a_curve_is_the_mean_of_the_seeds_with_its_interval():
    _, axes = plt.subplots()
    table = pd.DataFrame({"t": [2.0, 1.0, 2.0, 1.0], "errors": [5.0, 1.0, 7.0, 3.0]})
    curve(axes, table, "t", "errors", "black", scale=10)
    line, first, _ = axes.get_lines()
    assert line.get_xdata().tolist() == [1, 2] and line.get_ydata().tolist() == [20, 60]
    half = 12.7062 * np.std([10, 30], ddof=1) / np.sqrt(2)  # Student's t with one degree of freedom, 97.5 %
    assert list(first.get_ydata()) == pytest.approx([20 - half, 20 + half], rel=1e-4)
    curve(axes, table, "t", "errors", "black", interval=False)
    assert len(axes.get_lines()) == 4
