"""Generations after generations, and a run of a second."""

import pytest

from kdbook.book.born_again import NETS
from kdbook.lab import arms


def test_a_generation_has_its_whole_chain_before_it_and_the_families_share_their_first_net():
    def trial(arm):
        return arms.trial("born_again", "full", arm, 2)

    assert trial("conv:generation_3").needs[0].needs[0].needs == (trial("conv:generation_0"),)
    assert trial("conv:independent_3").needs == ()
    (first, *_), (also, *_) = (trial(f"conv:ensemble_{kind}").needs for kind in ("generation", "independent"))
    assert first == also and first.seed == 2


def test_a_small_run_measures_generations_and_ensembles(micro, documented):
    table, measured = micro(
        "born_again", most={"samples": 100}, only=lambda trial: trial.arm.startswith(("mlp:", "conv"))
    )
    documented("born_again", table, measured)
    rows = table.set_index("arm")
    assert len(rows) == 2 * 9 and len(NETS) == 4
    costs = rows.total_gigamacs
    assert costs["conv:generation_3"] == pytest.approx(4 * costs["conv:generation_0"])
    assert costs["conv:independent_3"] == pytest.approx(costs["conv:generation_0"])
    assert costs["conv:ensemble_independent"] == pytest.approx(costs["conv:ensemble_generation"])
    assert rows.agreement.isna().sum() == 2 * 4  # nobody was before the nets of labels
    # independent nets start and step from other weights
    assert rows.ece[[f"mlp:independent_{k}" for k in (1, 2, 3)]].nunique() == 3
