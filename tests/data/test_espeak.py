"""Synthetic speech: the same whatever came before, with phonemes in their words, and faults named."""

import sys
import types

import numpy as np
import pytest

from kdbook.data import espeak
from kdbook.data.espeak import MissingEspeakError, Phone, say, variants


def test_phonemes_follow_each_other_within_the_sound_and_belong_to_their_words():
    said = say("three seven nine")
    assert said.rate == 22_050 and said.samples.dtype == np.int16 and len(said.samples) > said.rate // 2
    assert [p.symbol for p in said.phones] == ["θ", "ɹ", "iː", "s", "ɛ", "v", "ə", "n", "n", "aɪ", "n"]
    assert [p.word for p in said.phones] == [0] * 3 + [1] * 5 + [2] * 3
    assert all(p.start < p.end <= len(said.samples) for p in said.phones)
    assert all(before.end <= after.start for before, after in zip(said.phones, said.phones[1:], strict=False))


def test_vowels_are_loud_and_lie_where_the_events_say():
    said = say("six")
    loud = {p.symbol: np.abs(said.samples[p.start : p.end].astype(int)).mean() for p in said.phones}
    assert loud["ɪ"] > 2 * loud["k"] and loud["ɪ"] > 2 * loud["s"]


def test_a_text_sounds_the_same_whatever_was_said_before():
    alone = say("nine four", "en+whisper").samples
    say("seven", "en-us+croak", rate=250)
    np.testing.assert_array_equal(say("nine four", "en+whisper").samples, alone)


def test_voice_variant_rate_and_pitch_change_the_sound():
    plain = say("two five")
    others = [say("two five", "en-029"), say("two five", "en-us+f3"), say("two five", pitch=80)]
    assert all(not np.array_equal(plain.samples, other.samples) for other in others)
    assert len(say("two five", rate=300).samples) < 0.75 * len(plain.samples)


def test_pauses_belong_to_no_phoneme():
    with_pause, without = say("one, two"), say("one two")
    assert [p.symbol for p in with_pause.phones] == [p.symbol for p in without.phones]
    gap = [b.start - a.end for a, b in zip(with_pause.phones, with_pause.phones[1:], strict=False)]
    assert max(gap) > 0.1 * with_pause.rate


def test_stress_marks_and_empty_events_are_left_out():
    events = [(1, 0, ""), (7, 10, "ˈaɪ"), (7, 30, "n"), (7, 40, ""), (1, 50, ""), (7, 60, "_"), (7, 70, "t")]
    assert espeak._phones(events, 90) == (Phone("aɪ", 10, 30, 0), Phone("n", 30, 40, 0), Phone("t", 70, 90, 1))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"text": "  "}, "text must be at least one word, got '  '"),
        ({"text": "one", "voice": "martian"}, "voice must be known, as en, en-us, .* are, got 'martian'"),
        (
            {"text": "one", "voice": "en-us+nobody"},
            "unknown variant 'nobody' of voice 'en-us\\+nobody'; there are Alex",
        ),
        ({"text": "one", "voice": "en-us+"}, "unknown variant ''"),
        ({"text": "one", "rate": 20}, "rate must be in 80..450, got 20"),
        ({"text": "one", "pitch": 120}, "pitch must be in 0..99, got 120"),
    ],
)
def test_a_wrong_argument_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        say(**given)


def test_there_are_a_hundred_variants():
    assert len(variants()) > 100 and {"f3", "whisper", "m1"} <= set(variants())


def test_without_the_extra_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(ModuleNotFoundError, match=r"espeakng_loader is not installed: run `pip install '.\[speech\]'`"):
        say("one")


def test_a_missing_library_or_missing_voices_are_named(monkeypatch, tmp_path):
    (tmp_path / "en_dict").touch()
    (tmp_path / "voices" / "!v").mkdir(parents=True)
    stub = types.SimpleNamespace(get_data_path=lambda: tmp_path, get_library_path=lambda: str(tmp_path / "lib.so"))
    monkeypatch.setitem(sys.modules, "espeakng_loader", stub)
    with pytest.raises(MissingEspeakError, match="lib.so cannot be loaded .*force-reinstall"):
        say("one")
    (tmp_path / "en_dict").unlink()
    with pytest.raises(MissingEspeakError, match="holds no English"):
        say("one")
