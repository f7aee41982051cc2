"""Which exit an image leaves by, and a run of a second."""

import pytest
import torch

from kdbook.book import early_exits
from kdbook.book.early_exits import CONFIDENCES, leaving


def test_an_image_leaves_by_the_first_exit_that_is_sure_enough():
    # images: sure at once; sure at the second; never sure, and wrong only at the end
    p = torch.tensor([[0.99, 0.60, 0.50], [0.99, 0.95, 0.60], [0.99, 0.99, 0.20]], dtype=torch.float64)
    logits = torch.stack([p, 1 - p], -1).log()  # class 0 has p
    table = leaving(logits, torch.tensor([0, 0, 0]), [1.0, 2.0, 4.0])
    at = list(CONFIDENCES).index(0.9)
    assert table[at].tolist() == pytest.approx([1, 7 / 3, 1 / 3, 1 / 3, 1 / 3])


def test_a_small_run_measures_every_exit(micro, micro_store, documented):
    table, measured = micro("early_exits", most={"samples": 100})
    documented("early_exits", table, measured)
    assert table.groupby("arm").exit.apply(list).to_dict() == {
        arm: [3] if arm == "deepest_alone" else [1, 2, 3] for arm in early_exits.arms("quick")
    }
    assert (table[table.arm == "labels"].megamacs.diff().dropna() > 0).all()
    curve = micro_store.read(next(t for t in measured if t.arm == "labels")).pictures["leaving"]
    deepest = table[(table.arm == "labels") & (table.exit == 3)].iloc[0]
    assert curve.shape == (len(CONFIDENCES), 5)
    assert curve[-1].tolist() == pytest.approx([deepest.test_errors, deepest.megamacs, 0, 0, 1])
