"""Spoken digit strings as frames for acoustic models: synthetic speech with exact phoneme times.

The speech ("three seven nine") is eSpeak NG's, in eight English accents and many timbres, fast and slow,
high and low, with noise and changes of level; it is made on the reader's machine and cached there. No human voice is in
it. What a model is tested on is said by timbres that it never heard in training.

A frame is 10 ms; its label is the state (beginning, middle, end) of the phoneme that sounds at its centre. A network
sees it in a window of 26 frames with 40 log-mel energies each, as the 21st (Hinton et al. 2015, section 4).
"""

import json
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kdbook import require
from kdbook.data.espeak import Phone, say
from kdbook.data.files import RECIPES, cached, packed, unpacked
from kdbook.data.images import Split


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PHONEMES = _names("aɪ ei eɪ eː f iə iː k n o oə oʊ oː r s t t̪ uː v w z ɒ ɔɪ ɔː ɔːɹ ə əu əʊ ɛ ɪ ɹ ʉː ʊ ʌ ʌʊ θ")
SILENCE = 3 * len(PHONEMES)  # state 3 p + k is the k-th third of phoneme p, and the last state is silence
STATES = SILENCE + 1

RATE, STEP, WINDOW, MEL = 16_000, 160, 400, 40  # Hz; samples; samples; filters
CONTEXT, LABELLED = 26, 20  # frames a network sees, and which of them has the label, counted from 0
MEAN, SPREAD = -7.3, 2.0  # of the log-mel energies of training utterances, about: inputs are near 0 and 1

ACCENTS = _names("en-us en en-029 en-gb-scotland en-gb-x-rp en-gb-x-gbclan en-gb-x-gbcwmd en-us-nyc")
# Variants whose names tell that one was made from another are in one part.
TIMBRES = {
    "train": """Alex Andrea AnxiousAndy Hugo Marco Michael Mike RicishayMax RicishayMax2 RicishayMax3 Tweaky UniRobot
        anika anikaRobot antonio benjamin boris croak ed f1 f4 gustave iven iven2 iven3 iven4 kaukovalta klatt klatt2
        klatt3 klatt4 klatt5 klatt6 m1 m5 m8 max michel miguel mike2 pablo pedro rob robert robosoft robosoft2
        robosoft3 robosoft4 robosoft5 robosoft6 robosoft7 robosoft8 sandro travis zac""",
    "validation": """Annie Denis Henrique Jacky Mario Nguyen Reed aunty caleb edward edward2 f2 grandpa john m3 m7
        marcelo norbert quincy shelby""",
    "test": """Alicia Andy Diogo Gene Gene2 Lee Storm adam announcer belinda david f3 f5 grandma ian linda m2 m4 m6 paul
        steph steph2 steph3 victor""",
}
TIMBRES = {part: _names(timbres) for part, timbres in TIMBRES.items()}
NOISE = (0.0, 15.0)  # dB that speech is louder than noise
LEVEL = (-18.0, 0.0)  # dB at either end of an utterance, with a straight line between


@dataclass(frozen=True)
class Frames(Split):
    """Frames as a `Split` whose windows are gathered when a batch is made: 40 numbers a frame are kept, not 1,040.

    x : Tensor (N,), int64
        Row of `mel` that each labelled frame is.
    y, index : Tensor (N,), int64
        Its state, and its number in the whole part.
    mel : Tensor (T, 40), float32
        Log-mel energies of all utterances, with silence between them, so that no window sees two.
    """

    mel: Tensor = field(default_factory=lambda: torch.zeros(0, MEL))

    def shown(self, x: Tensor) -> Tensor:
        """Windows (B, 26, 40) around the frames x (B,)."""
        # row r of this view is the window that begins at frame r: nothing is copied before the gather
        windows = self.mel.as_strided((len(self.mel) - CONTEXT + 1, CONTEXT * MEL), (MEL, 1))
        return windows.index_select(0, x - LABELLED).view(-1, CONTEXT, MEL)


class Utterances(NamedTuple):
    """One part of a data set.

    frames : Frames, all frames of all utterances in order
    lengths : tuple of int, frames of each utterance
    words : tuple of tuple of str, what was said
    said : tuple of tuple of (str, tuple of str), the same with each word's phonemes
    """

    frames: Frames
    lengths: tuple[int, ...]
    words: tuple[tuple[str, ...], ...]
    said: tuple[tuple[tuple[str, tuple[str, ...]], ...], ...]


class Spoken(NamedTuple):
    """One synthetic utterance: samples (N,) at 16 kHz in -1..1, words, phonemes with their samples, and its voice."""

    samples: np.ndarray
    words: tuple[str, ...]
    phones: tuple[Phone, ...]
    voice: str


def speak(part: str, number: int) -> Spoken:
    """Make the utterance with this number, the same whenever and in whatever order it is asked for.

    Raises
    ------
    ValueError
        For an unknown part.
    ModuleNotFoundError
        When eSpeak NG is not installed.
    """
    from scipy.signal import resample_poly  # most of a second to import

    require(part in TIMBRES, "part", f"one of {', '.join(TIMBRES)}", repr(part))
    draw = np.random.default_rng([list(TIMBRES).index(part), number])
    words = tuple(draw.choice(DIGITS, size=draw.integers(3, 7)).tolist())
    voice = f"{draw.choice(ACCENTS)}+{draw.choice(TIMBRES[part])}"
    pauses = draw.random(len(words)) < 0.15
    text = " ".join(word + "," * bool(pause) for word, pause in zip(words, pauses, strict=True))
    speech = say(text, voice, rate=int(draw.integers(110, 260)), pitch=int(draw.integers(20, 80)))
    clean = resample_poly(speech.samples / 2**15, RATE, speech.rate)
    before, after = draw.integers(RATE // 10, RATE // 3, size=2)
    clean = np.pad(clean, (before, after))
    loud = np.sqrt(np.mean(clean**2)) * 10 ** (-draw.uniform(*NOISE) / 20)
    level = 10 ** (np.linspace(*draw.uniform(*LEVEL, size=2), len(clean)) / 20)
    samples = level * (clean + loud * _noise(len(clean), draw.uniform(0, 1), draw))
    ends = [(before + p.start * RATE // speech.rate, before + p.end * RATE // speech.rate) for p in speech.phones]
    phones = tuple(p._replace(start=start, end=end) for p, (start, end) in zip(speech.phones, ends, strict=True))
    return Spoken(samples.astype(np.float32), words, phones, voice)


def _noise(count: int, slope: float, draw: np.random.Generator) -> np.ndarray:
    """Noise of unit power whose power falls as 1/f^slope: hiss at 0, the roar of a street at 1."""
    whole = 1 << (count - 1).bit_length()  # a power of two: other lengths may take ten times as long
    spectrum = np.fft.rfft(draw.standard_normal(whole))
    noise = np.fft.irfft(spectrum / np.maximum(1, np.arange(len(spectrum))) ** (slope / 2), whole)[:count]
    return noise / noise.std()


@cache
def mel_filters() -> Tensor:
    """Forty triangles (257, 40), equally spaced in mel between 20 and 8,000 Hz, over the bins of a 512-point FFT."""

    from transformers.audio_utils import mel_filter_bank  # a second to import

    triangles = mel_filter_bank(257, MEL, 20, RATE / 2, RATE, mel_scale="htk", triangularize_in_mel_space=True)
    return torch.from_numpy(triangles).float()


def log_mel(samples: np.ndarray) -> Tensor:
    """Log-mel energies (T, 40) of samples (N,) at 16 kHz: a 25 ms window every 10 ms; natural logarithm.

    Raises
    ------
    ValueError
        For fewer samples than a window has.
    """
    require(len(samples) >= WINDOW, "samples", f"{WINDOW} or more, one window (25 ms)", len(samples))
    windows = torch.as_tensor(samples, dtype=torch.float32).unfold(0, WINDOW, STEP) * torch.hann_window(WINDOW)
    power = torch.fft.rfft(windows, 512).abs().square()  # (T, 257); zeros fill each window up to 512 points
    return (power @ mel_filters() / WINDOW + 1e-7).log()


def states_of(phones: tuple[Phone, ...], frames: int) -> np.ndarray:
    """State of each frame (T,): the third of the phoneme at the frame's centre, or silence.

    Raises
    ------
    ValueError
        For a phoneme that the digits do not have.
    """
    unknown = {p.symbol for p in phones} - set(PHONEMES)
    require(not unknown, "phonemes", f"among those of the digits ({' '.join(PHONEMES)})", sorted(unknown))
    centre = np.arange(frames) * STEP + WINDOW // 2
    states = np.full(frames, SILENCE)
    for phone in phones:
        inside = (centre >= phone.start) & (centre < phone.end)
        third = 3 * (centre[inside] - phone.start) // (phone.end - phone.start)
        states[inside] = 3 * PHONEMES.index(phone.symbol) + third
    return states


def load_digits(part: str, utterances: int, device: torch.device | str = "cpu") -> Utterances:
    """The first utterances of a part of the synthetic spoken digits; made once, then read from the cache.

    Parameters
    ----------
    part : str
        ``train``, ``validation`` or ``test``: other timbres, the same accents.
    utterances : int
        How many, about two seconds each.
    device : torch.device or str
        Where the frames are put.

    Raises
    ------
    ValueError
        For an unknown part, or fewer utterances than one.
    ModuleNotFoundError
        When eSpeak NG is not installed and the cache lacks these utterances.
    """
    require(utterances >= 1, "utterances", "1 or more", utterances)
    kept = cached(f"spoken-digits-{RECIPES['spoken-digits']}/{part}-{utterances}.npz", lambda: _made(part, utterances))
    return _utterances(**unpacked(kept), device=device)


def _made(part: str, utterances: int) -> bytes:
    """Utterances as an ``.npz`` file: energies, states and lengths one after another, and what was said as JSON."""
    made = [speak(part, number) for number in range(utterances)]
    mel = [log_mel(spoken.samples).numpy() for spoken in made]
    lengths = np.array([len(m) for m in mel])
    states = np.concatenate([states_of(s.phones, n) for s, n in zip(made, lengths, strict=True)])
    said = np.array(json.dumps([_said(spoken) for spoken in made]))
    return packed({"mel": np.concatenate(mel), "states": states, "lengths": lengths, "said": said})


def _said(spoken: Spoken) -> list:
    return [[word, [p.symbol for p in spoken.phones if p.word == number]] for number, word in enumerate(spoken.words)]


def _utterances(mel: np.ndarray, states: np.ndarray, lengths: np.ndarray, said: np.ndarray, device) -> Utterances:
    """Put silence (the mean energy) around every utterance, as much as a window reaches over its ends."""
    before, after = LABELLED, CONTEXT - LABELLED - 1
    starts = np.cumsum(lengths + before + after) - lengths - after
    rows = np.concatenate([start + np.arange(n) for start, n in zip(starts, lengths, strict=True)])
    quiet = torch.zeros(int(starts[-1] + lengths[-1]) + after, MEL)
    quiet[rows] = torch.from_numpy((mel - MEAN) / SPREAD)
    rows, states = torch.from_numpy(rows), torch.from_numpy(states).long()
    frames = Frames(rows, states, torch.arange(len(rows)), mel=quiet)
    told = tuple(tuple((word, tuple(phones)) for word, phones in each) for each in json.loads(str(said)))
    words = tuple(tuple(word for word, _ in utterance) for utterance in told)
    return Utterances(frames.to(device), tuple(map(int, lengths)), words, told)
