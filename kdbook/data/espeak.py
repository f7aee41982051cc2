"""Synthetic speech with the exact time of every phoneme, by eSpeak NG through ctypes.

The library (GPL-3) is loaded when it is used and never copied; the package `espeakng-loader` of the extra ``speech``
brings it. It keeps state between calls, so that one text would sound differently after another: every call loads it
anew and sets its random seeds, which takes two milliseconds and makes each utterance the same whatever came before.
"""

import _ctypes
import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kdbook import needed, require

# enumerations of espeak-ng's speak_lib.h
_SYNCHRONOUS, _PHONEME_EVENTS, _IPA, _UTF8 = 2, 1, 2, 1
_END_OF_LIST, _WORD, _PHONEME = 0, 1, 7
_RATE, _PITCH = 1, 3
AGAIN = "run `pip install --force-reinstall espeakng-loader`"


class MissingEspeakError(RuntimeError):
    """The synthesiser, or what it needs, is not installed."""


class Phone(NamedTuple):
    """One phoneme: its IPA symbol, its first and its last sample + 1, and the number of its word in the text."""

    symbol: str
    start: int
    end: int
    word: int


class Speech(NamedTuple):
    """What was said: samples (N,), int16; their rate in Hz; phonemes in order, pauses left out."""

    samples: np.ndarray
    rate: int
    phones: tuple[Phone, ...]


_NUMBERS = ("text_position", "length", "audio_position", "sample")


class _Event(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint)]
    _fields_ += [(name, ctypes.c_int) for name in _NUMBERS] + [("user_data", ctypes.c_void_p)]
    _fields_ += [("id", ctypes.c_char * 8)]  # a union, which holds the symbol of a phoneme


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def data_folder() -> Path:
    """Folder of eSpeak NG's voices and dictionaries.

    Raises
    ------
    ModuleNotFoundError
        When the package that brings them is not installed.
    MissingEspeakError
        When its folder is gone.
    """
    folder = Path(needed("espeakng_loader", "speech").get_data_path())
    if not (folder / "en_dict").exists():
        raise MissingEspeakError(f"{folder} holds no English: {AGAIN}")
    return folder


def variants() -> tuple[str, ...]:
    """Names of the variants (timbres) that any voice may be given, sorted."""
    return tuple(sorted(path.name for path in (data_folder() / "voices" / "!v").iterdir()))


@contextmanager
def _library() -> Iterator[tuple[ctypes.CDLL, int]]:
    """eSpeak NG loaded afresh, with its sample rate; let go of afterwards."""
    folder = data_folder()
    path = needed("espeakng_loader", "speech").get_library_path()
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        told = f"eSpeak NG's library {path} cannot be loaded ({error}): {AGAIN}"
        raise MissingEspeakError(f"{told}, or see whether it is made for this system") from None
    try:
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, str(folder).encode(), _PHONEME_EVENTS | _IPA)
        if rate <= 0:
            raise MissingEspeakError(f"eSpeak NG does not start with the data in {folder} (it says {rate})")
        library.espeak_ng_SetRandSeed(ctypes.c_long(0))
        ctypes.CDLL(None).srand(0)  # breath and whisper draw from the C library
        yield library, rate
    finally:
        library.espeak_Terminate()
        handle = library._handle
        del library
        _ctypes.dlclose(handle)


def say(text: str, voice: str = "en-us", *, rate: int = 175, pitch: int = 50) -> Speech:
    """Speak a text.

    Parameters
    ----------
    text : str
        English words.
    voice : str
        A voice such as ``en-us``, with a variant behind a plus sign or without: ``en-us+f3``.
    rate : int
        Words a minute, 80 to 450.
    pitch : int
        0 to 99.

    Returns
    -------
    Speech

    Raises
    ------
    ValueError
        For an empty text, an unknown voice or variant, or a rate or pitch out of range.
    MissingEspeakError
        When eSpeak NG is not installed or does not start.
    """
    require(text.strip(), "text", "at least one word", repr(text))
    for name, value, low, high in (("rate", rate, 80, 450), ("pitch", pitch, 0, 99)):
        require(low <= value <= high, name, f"in {low}..{high}", value)
    variant = voice.partition("+")[2]
    if "+" in voice and variant not in variants():  # the library would silently take the plain voice
        raise ValueError(f"unknown variant {variant!r} of voice {voice!r}; there are {', '.join(variants())}")
    chunks, events = [], []

    @_CALLBACK
    def collect(samples, count, event):
        if samples and count:
            chunks.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        number = 0
        while event[number].type != _END_OF_LIST:
            kind = event[number].type
            symbol = event[number].id.decode("utf8", "replace") if kind == _PHONEME else ""
            events.append((kind, event[number].sample, symbol))
            number += 1
        return 0

    with _library() as (library, sample_rate):
        library.espeak_SetSynthCallback(collect)
        found = library.espeak_SetVoiceByName(voice.encode())
        require(found == 0, "voice", "known, as en, en-us, en-gb-scotland, en-gb-x-rp and en-029 are", repr(voice))
        library.espeak_SetParameter(_RATE, rate, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        spoken = text.encode() + b"\0"
        library.espeak_Synth(spoken, len(spoken), 0, 1, 0, _UTF8, None, None)
        library.espeak_Synchronize()
    samples = np.concatenate(chunks) if chunks else np.zeros(0, np.int16)
    return Speech(samples, sample_rate, _phones(events, len(samples)))


def _phones(events: list[tuple[int, int, str]], end: int) -> tuple[Phone, ...]:
    """Phonemes from the library's events: each lasts until the next one, and belongs to the word announced last."""
    word, begun = -1, []
    for kind, sample, symbol in events:
        if kind == _WORD:
            word += 1
        elif kind == _PHONEME:
            begun.append((symbol, sample, word))
    ends = [sample for _, sample, _ in begun[1:]] + [end]
    return tuple(
        Phone(symbol.strip("ˈˌ"), start, stop, word)
        for (symbol, start, word), stop in zip(begun, ends, strict=True)
        if symbol.strip("_ˈˌ") and stop > start
    )
