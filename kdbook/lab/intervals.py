"""Uncertainty over seeds."""

import numpy as np
from scipy.special import stdtrit  # scipy.stats takes a second to import

from kdbook import require


def row_of_numbers(what: str, given: object, least: int = 1) -> np.ndarray:
    """Numbers as an array (n,).

    Raises
    ------
    ValueError
        Naming it `what`, for anything but a sequence of numbers with `least` of them.
    """
    try:
        found = np.asarray(given, dtype=float)
    except (TypeError, ValueError):  # texts, or rows of different lengths
        found = np.empty(0)
    count = {1: "one or more", 2: "two or more"}[least]
    require(found.ndim == 1 and len(found) >= least, what, f"{count} numbers", f"{given!r:.80}: such as [9, 3.5]")
    return found


def t_interval(values, confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean of independent runs and the t interval of that mean.

    Parameters
    ----------
    values : array (n,)
        One measurement a seed, or one paired difference a seed.
    confidence : float
        Chance that the interval covers the true mean.

    Returns
    -------
    mean, low, high : float
        low and high equal the mean for a single value: one run says nothing about its spread.

    Raises
    ------
    ValueError
        For no values, one that is not a finite number, or another confidence than between 0 and 1.
    """
    found = row_of_numbers("values", values)
    require(np.isfinite(found).all(), "values", "finite", f"{values!r:.80}: leave out gaps first")
    require(0 < confidence < 1, "confidence", "between 0 and 1, such as 0.95", repr(confidence))
    mean = float(found.mean())
    if found.size == 1:
        return mean, mean, mean
    half = float(stdtrit(found.size - 1, (1 + confidence) / 2) * found.std(ddof=1) / np.sqrt(found.size))
    return mean, mean - half, mean + half
