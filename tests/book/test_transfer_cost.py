"""What each type of knowledge costs: a run of seconds, and bars from a table of known costs."""

import pandas as pd
import pytest

from kdbook.book import transfer_cost
from kdbook.book.transfer_cost import LABELS
from kdbook.book.which_knowledge import METHODS
from kdbook.lab import arms
from kdbook.show.figures import plotted


def test_the_teacher_is_that_of_the_types_of_knowledge():
    for seed, trial in enumerate(arms.trials("transfer_cost", "full")):
        assert trial.needs == (arms.trial("which_knowledge", "full", "teacher", seed),)


def test_a_small_run_measures_what_each_type_costs(micro, documented):
    table, measured = micro("transfer_cost", rounds=2, most={"images": 300, "labels": 20})
    documented("transfer_cost", table, measured)
    rows = table.set_index("method")
    assert list(rows.index) == ["kd", "kd_live", *METHODS]
    assert rows.relative_time["kd"] == 1 and (rows.relative_time > 0).all()
    # AT keeps the maps of three stages, SP that of the last, and PKT the embedding
    assert rows.extra_bytes["at"] > rows.extra_bytes["sp"] > rows.extra_bytes["pkt"] > rows.extra_bytes["kd"] == 0
    assert rows.extra_bytes["at"] == 4 * 300 * (16 * 14 * 14 + 32 * 7 * 7 + 64 * 4 * 4)


def test_the_figure_shows_means_of_the_repetitions_with_plain_distillation_at_the_top():
    table = pd.DataFrame(
        {"method": name, "seed": s, "relative_time": at + s, "extra_bytes": 2**20 * at}
        for at, name in enumerate(LABELS, 1) for s in (0, 2)
    )  # fmt: skip
    left, right = transfer_cost.cost(table, table[table.seed == 0]).axes
    count = len(LABELS)
    assert [tick.get_text() for tick in left.get_yticklabels()][-1] == "KD, cached teacher"
    time, size = plotted(left)["series"], plotted(right)["series"]
    assert next(s["x"] for s in time if s["kind"] == "bar") == [n + 1 for n in range(count, 0, -1)]
    assert next(s["x"] for s in time if s["label"] == "yours (quick)") == [*range(count, 0, -1)]
    assert next(s["x"] for s in size if s["kind"] == "bar") == pytest.approx([*range(count, 0, -1)])
