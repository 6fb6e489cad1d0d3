"""Confidence intervals of proportions."""

from service.schemas.reports import Proportion

CONFIDENCE = 0.95
_QUANTILE = 1.959963984540054
"""Of the standard normal distribution, at (1 + CONFIDENCE) / 2."""


def wilson(successes: int, total: int) -> Proportion | None:
    """A proportion with its Wilson score interval.

    Args:
        successes: Number of successes.
        total: Size of the sample.

    Returns:
        The proportion; None for an empty sample.

    References:
        Wilson, Probable inference, the law of succession, and statistical inference,
        J. Am. Stat. Assoc. 22 (1927).
    """
    if total == 0:
        return None
    value = successes / total
    square = _QUANTILE**2 / total
    centre = (value + square / 2) / (1 + square)
    half = (
        _QUANTILE * ((value * (1 - value) + square / 4) / total) ** 0.5 / (1 + square)
    )
    return Proportion(
        value=value,
        low=0.0 if successes == 0 else centre - half,
        high=1.0 if successes == total else centre + half,
        confidence=CONFIDENCE,
    )
