"""Uncertainty over seeds."""

import math

import numpy as np
from scipy.special import stdtrit  # scipy.stats takes a second to import


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
        For no values.
    """
    values = np.asarray(values, dtype=float)
    if values.size == 0:
        raise ValueError("an interval needs at least one value, got none")
    mean = float(values.mean())
    if values.size == 1:
        return mean, mean, mean
    half = float(stdtrit(values.size - 1, (1 + confidence) / 2) * values.std(ddof=1) / math.sqrt(values.size))
    return mean, mean - half, mean + half
