"""Ten English digits said by six people: the recordings of the Free Spoken Digit Dataset.

Real voices beside the synthetic ones of `kdbook.data.speech`: the speakers come from the USA, Belgium, Germany and
Greece, spoke into microphones of their own, and said each digit fifty times. A test that means something leaves a
whole speaker out.
"""

import csv
import io
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kdbook import needed
from kdbook.data.files import verified_bytes

RATE = 8_000  # Hz
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


class Voices(NamedTuple):
    """Recordings of one digit each.

    samples : list of array (n,), float32 in -1..1, at 8 kHz
    digits, speakers, takes : Tensor (N,), int64; a speaker is a number in `SPEAKERS`, a take 0 to 49
    """

    samples: list[np.ndarray]
    digits: Tensor
    speakers: Tensor
    takes: Tensor


def load_voices() -> Voices:
    """All 3,000 recordings, speaker after speaker.

    Raises
    ------
    ModuleNotFoundError
        When soundfile is not installed, saying how to get it.
    DamagedFileError
        When an embedded file fails its checksum.
    """
    soundfile = needed("soundfile", "speech")
    sound, _ = soundfile.read(io.BytesIO(verified_bytes("fsdd/recordings.flac")), dtype="float32")
    _, *rows = csv.reader(io.StringIO(verified_bytes("fsdd/recordings.csv").decode()))
    told = torch.tensor([[SPEAKERS.index(speaker), *map(int, numbers)] for speaker, *numbers in rows])
    speakers, digits, takes, starts, _ = told.T
    return Voices(np.split(sound, starts[1:]), digits, speakers, takes)
