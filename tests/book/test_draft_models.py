"""How often a draft is kept, on what drafts are trained, and a run of two texts."""

import pytest
import torch

from kdbook.book.draft_models import acceptance, arms
from kdbook.data.world import BOS, make_world
from kdbook.nets.gpt import GPT
from kdbook.training.sequences import log_probs, sample


def gpt(seed):
    torch.manual_seed(seed)
    return GPT(layers=1, width=8, heads=2, vocabulary=len(make_world().words), length=24)


def test_acceptance_is_the_common_mass_and_one_for_the_same_model():
    target, draft = gpt(0), gpt(1)
    x = sample(target, torch.full((8, 1), BOS), generator=torch.Generator().manual_seed(0))
    assert acceptance(target, target, x) == pytest.approx(1)
    p, q = (log_probs(m, x).exp()[x[:, 1:] > 0] for m in (target, draft))
    common = float(torch.minimum(p, q).sum(-1).mean())
    assert acceptance(target, draft, x) == pytest.approx(common, rel=1e-4)


def test_only_the_drafts_of_the_teachers_texts_train_together():
    assert {name: arm.cohort for name, arm in arms("full").items()} == {
        "data": "truth", **dict.fromkeys(("samples", "forward", "reverse", "tvd"), "teacher")
    }  # fmt: skip


def test_a_small_run_decodes_with_every_draft(micro, documented):
    small = {"layers": 1, "width": 8, "heads": 2, "batch_size": 16, "epochs": 1}
    table, measured = micro("draft_models", most={"samples": 48, "count": 2}, **small)
    documented("draft_models", table, measured)
    assert set(table.arm) == set(arms("quick"))
    assert table.acceptance.between(0, 100).all() and (table.tokens_per_call >= 1).all()
    assert (table.size_ratio == 1).all()  # all nets of a small run have one size
