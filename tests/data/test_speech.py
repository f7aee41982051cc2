"""Spoken digits: frames labelled by the phoneme that sounds, windows of 26 frames, parts without a common timbre."""

import numpy as np
import pytest
import torch

from kdbook.data import checksum, speech
from kdbook.data.espeak import Phone, say
from kdbook.data.espeak import variants as all_variants
from kdbook.data.files import home
from kdbook.data.speech import (
    ACCENTS,
    CONTEXT,
    LABELLED,
    MEL,
    PHONEMES,
    RATE,
    SILENCE,
    STATES,
    STEP,
    TIMBRES,
    WINDOW,
    Frames,
    load_digits,
    log_mel,
    mel_filters,
    speak,
    states_of,
)


def test_no_timbre_is_in_two_parts_and_the_synthesiser_has_them_all():
    named = [timbre for part in TIMBRES.values() for timbre in part]
    assert len(named) == len(set(named)) == 99
    assert set(named) <= set(all_variants())
    assert all(speak(part, 3).voice.partition("+")[2] in TIMBRES[part] for part in TIMBRES)


def test_timbres_differ_in_sound():
    sounds = {say("five", f"en-us+{timbre}").samples.tobytes() for part in TIMBRES.values() for timbre in part}
    assert len(sounds) == 99


@pytest.mark.parametrize("accent", ACCENTS)
def test_the_phonemes_of_all_digits_in_all_accents_are_known(accent):
    phones = say(" ".join(speech.DIGITS), accent).phones
    assert {p.symbol for p in phones} <= set(PHONEMES)
    assert {p.word for p in phones} == set(range(10))


def test_an_utterance_depends_on_its_part_and_number_only():
    first = speak("train", 1)
    speak("test", 0)
    again = speak("train", 1)
    np.testing.assert_array_equal(first.samples, again.samples)
    assert first.words == again.words and first.phones == again.phones
    assert not np.array_equal(first.samples[:8000], speak("validation", 1).samples[:8000])


def test_the_recipe_is_the_one_that_the_results_were_made_with():
    # another sound or label asks for a higher version in kdbook.data.files.RECIPES, and for new results
    spoken = speak("test", 0)
    assert (spoken.voice, " ".join(spoken.words)) == ("en-us+announcer", "two one two four eight four")
    assert len(spoken.samples) == 31535
    assert np.sqrt(np.mean(spoken.samples.astype(float) ** 2)) == pytest.approx(0.034142, rel=1e-4)


def test_speech_begins_and_ends_in_noise_and_is_louder_than_it(monkeypatch):
    monkeypatch.setattr(speech, "LEVEL", (0.0, 0.0))
    for number in range(4):
        spoken = speak("train", number)
        inside = slice(spoken.phones[0].start, spoken.phones[-1].end)
        assert spoken.phones[0].start > RATE // 10 - 1 and spoken.phones[-1].end < len(spoken.samples)
        assert np.abs(spoken.samples[: RATE // 10]).mean() > 0
        assert np.abs(spoken.samples[inside]).mean() > np.abs(spoken.samples[: RATE // 10]).mean()


def test_a_tone_is_loudest_in_the_filter_at_its_frequency():
    filters = mel_filters()
    assert filters.shape == (257, MEL) and bool((filters.sum(0) > 0).all())
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    energies = log_mel(tone)
    assert energies.shape == (1 + (RATE - WINDOW) // STEP, MEL)
    assert energies.mean(0).argmax() == filters[32].argmax()  # bin 32 of a 512-point FFT is 1,000 Hz
    loudest = int(filters[32].argmax())
    assert float(log_mel(2 * tone)[5, loudest] - energies[5, loudest]) == pytest.approx(np.log(4), rel=1e-4)


def test_log_mel_is_the_energy_of_windowed_frames_summed_in_triangles():
    samples = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    for frame in (0, 3):
        power = np.abs(np.fft.rfft(samples[frame * STEP : frame * STEP + WINDOW] * window, 512)) ** 2
        by_hand = np.log(power @ mel_filters().numpy() / WINDOW + 1e-7)
        np.testing.assert_allclose(log_mel(samples)[frame], by_hand, rtol=1e-4)


def test_a_state_is_a_third_of_the_phoneme_at_the_frames_centre():
    # centres of frames are at samples 200, 360, 520, ...
    phones = (Phone("s", 300, 780, 0), Phone("ɪ", 780, 1100, 0))
    s, i = 3 * PHONEMES.index("s"), 3 * PHONEMES.index("ɪ")
    assert states_of(phones, 7).tolist() == [SILENCE, s, s + 1, s + 2, i, i + 2, SILENCE]
    with pytest.raises(ValueError, match=r"phonemes must be among those of the digits .*, got \['x'\]"):
        states_of((Phone("x", 0, 10, 0),), 3)


def test_a_window_holds_twenty_frames_before_its_label_and_five_after_and_silence_beyond_the_ends():
    spoken = load_digits("validation", 2)
    frames = spoken.frames
    assert len(frames) == sum(spoken.lengths) == len(frames.y)
    order = torch.tensor([0, spoken.lengths[0] - 1, spoken.lengths[0], 60])
    (x, at), *rest = frames.batches(order, None, 3)
    assert x.shape == (3, CONTEXT, MEL) and at == slice(0, 3) and [b[0].shape[0] for b in rest] == [1]
    first, last, other = x
    assert bool((first[:LABELLED] == 0).all()) and bool((first[LABELLED:] != 0).any(1).all())
    assert bool((last[LABELLED + 1 :] == 0).all()) and bool((last[: LABELLED + 1] != 0).any(1).all())
    assert bool((other[:LABELLED] == 0).all())
    torch.testing.assert_close(rest[0][0][0], frames.mel[frames.x[60] - 20 : frames.x[60] + 6])


def test_the_frame_in_the_window_has_the_energies_of_its_own_moment():
    spoken, raw = load_digits("validation", 1), log_mel(speak("validation", 0).samples)
    (x, _) = next(iter(spoken.frames.batches(torch.arange(50, 60), None, 10)))
    torch.testing.assert_close(x[:, LABELLED] * speech.SPREAD + speech.MEAN, raw[50:60], rtol=1e-4, atol=1e-4)


def test_chosen_rows_keep_windows_and_labels():
    frames = load_digits("validation", 1).frames
    few = frames.rows(torch.tensor([70, 20]))
    assert isinstance(few, Frames) and few.index.tolist() == [70, 20]
    x, _ = next(iter(few.batches(torch.tensor([0]), None, 4)))
    y, _ = next(iter(frames.batches(torch.tensor([70]), None, 4)))
    torch.testing.assert_close(x, y)


def test_the_cache_gives_what_was_made_and_a_damaged_one_is_made_again():
    made = load_digits("test", 2)
    (path,) = home().glob("data/spoken-digits-*/test-2.npz")
    for _ in range(2):
        again = load_digits("test", 2)
        torch.testing.assert_close(again.frames.mel, made.frames.mel)
        assert again.said == made.said and again.lengths == made.lengths
        path.write_bytes(path.read_bytes()[:1000])
    assert load_digits("test", 1).words == made.words[:1]


def test_sound_and_labels_are_near_zero_mean_and_cover_the_states():
    frames = load_digits("train", 12).frames
    mel = frames.mel[frames.x]
    assert abs(float(mel.mean())) < 0.3 and 0.7 < float(mel.std()) < 1.3
    assert int(frames.y.max()) == SILENCE == STATES - 1
    assert 0.1 < float((frames.y == SILENCE).float().mean()) < 0.5


def test_wrong_requests_are_named():
    with pytest.raises(ValueError, match="part must be one of train, validation, test, got 'fit'"):
        speak("fit", 0)
    with pytest.raises(ValueError, match="utterances must be 1 or more, got 0"):
        load_digits("train", 0)
    with pytest.raises(ValueError, match="samples must be 400 or more, one window .25 ms., got 399"):
        log_mel(np.zeros(399))


def test_the_identity_of_the_data_is_that_of_its_recipe(monkeypatch):
    before = checksum("spoken-digits")
    monkeypatch.setitem(speech.RECIPES, "spoken-digits", 99)
    assert checksum("spoken-digits") != before
    with pytest.raises(ValueError, match="name must be one of mnist, .*wordnet, .*spoken-digits"):
        checksum("spoken")
