"""Real voices: who says what how often, that recordings are those of the file, and what is told without soundfile."""

import sys

import numpy as np
import pytest
import torch

from kdbook.data.voices import RATE, SPEAKERS, load_voices


@pytest.fixture(scope="module")
def voices():
    return load_voices()


def test_each_of_six_speakers_says_each_digit_fifty_times(voices):
    told = torch.stack([voices.speakers, voices.digits, voices.takes])
    assert told.unique(dim=1).shape == told.shape == (3, len(SPEAKERS) * 10 * 50)
    assert len(voices.samples) == 3_000


def test_recordings_take_from_a_seventh_of_a_second_to_two_and_a_half_and_are_cut_where_the_table_says(voices):
    seconds = np.array([len(samples) for samples in voices.samples]) / RATE
    assert 0.14 < seconds.min() < 0.15 and 2.2 < seconds.max() < 2.5
    # the table's first rows: george says zero in 2,384 and then in 4,727 samples
    assert [len(samples) for samples in voices.samples[:2]] == [2_384, 4_727]
    assert sum(len(samples) for samples in voices.samples) == 10_498_424


def test_samples_are_sound_within_its_bounds_and_no_recording_is_silent(voices):
    loudest = np.array([np.abs(samples).max() for samples in voices.samples])
    assert loudest.max() <= 1 and loudest.min() > 0.001


def test_who_lacks_soundfile_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(ModuleNotFoundError, match=r"soundfile is not installed: run `pip install .\.\[sp"):
        load_voices()
