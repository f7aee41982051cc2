"""Three ways to cut a text, what is true in letters, and a run of a few sentences."""

import pytest

from kdbook.book.vocabulary_mismatch import LENGTH, PIECES, arms, is_true, true_log_probs, vocabularies
from kdbook.data.world import make_world
from kdbook.lab.arms import trials

WORLD = make_world()


def test_the_settings_fit_the_vocabularies_and_their_longest_texts():
    texts = WORLD.text(WORLD.sample(300, 5))
    for name, cut in vocabularies(WORLD).items():
        assert cut.size == PIECES[name] and cut.encode(texts).shape[1] <= LENGTH[name]
    for arm in arms("full").values():
        assert arm.settings["vocabulary"] == PIECES[arm.settings["cut"]]


def test_students_of_a_seed_read_the_same_sentences_and_other_seeds_read_others():
    found = [t for t in trials("vocabulary_mismatch", "full") if t.needs]
    assert {(t.seed, t.settings["texts"]) for t in found} == {(seed, 500 + seed) for seed in range(5)}
    assert {(t.needs[0].arm, t.needs[0].seed, t.seed % 3) for t in found} == {("teacher", s, s) for s in range(3)}
    assert {t.arm: t.settings.get("weight") for t in found} == {
        "own_labels": None, "own_kd": 1.0,
        **{f"{cut}_{method}": weight for cut in ("other", "characters")
           for method, weight in (("labels", None), ("samples", None), ("uld", 0.03), ("bytes", 1.0))},
    }  # fmt: skip


def test_what_is_true_in_letters_is_true_in_words():
    x = WORLD.sample(20, 4)
    texts = WORLD.text(x)
    assert all(is_true(text, WORLD) for text in texts)
    assert not is_true(texts[0][:-2], WORLD) and not is_true(texts[0].replace(" ", "  "), WORLD)
    assert not is_true(f"{texts[0]} .", WORLD) and not is_true("the capital of oz is x .", WORLD)
    p = WORLD.next_probs(x[:, :-1]).gather(2, x[:, 1:, None])[..., 0]
    assert float(true_log_probs(texts[:1], WORLD)) == pytest.approx(float(p[0][x[0, 1:] > 0].log().sum()))


def test_a_small_run_trains_every_arm(micro, documented):
    small = {"layers": 1, "width": 8, "heads": 2, "batch_size": 16, "epochs": 1}
    table, measured = micro("vocabulary_mismatch", most={"samples": 32, "count": 20}, **small)
    documented("vocabulary_mismatch", table, measured)
    assert set(table.arm) == set(arms("quick")) and (table.excess_bits > 0).all()
    assert (table.groupby("vocabulary").tokens.nunique() == 1).all()
    assert (table.bits_per_byte - table.excess_bits).round(9).nunique() == 1  # the truth's own, whatever the cut
