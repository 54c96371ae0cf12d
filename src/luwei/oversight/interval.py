"""Wilson score interval of a share (E. B. Wilson, JASA 22, 1927): honest for small samples and shares near 0 and 1."""

from __future__ import annotations

import math

Z95 = 1.959963984540054
"""Two-sided 95 % of the normal distribution."""


def wilson(hits: int, total: int, z: float = Z95) -> tuple[float, float]:
    """Lower and upper bound of the share ``hits / total``, from 0 to 1. Raises ValueError for an empty sample."""
    if total <= 0 or not 0 <= hits <= total:
        raise ValueError("hits must lie within a sample that is not empty")
    share, weight = hits / total, z * z / total
    centre = (share + weight / 2) / (1 + weight)
    spread = z * math.sqrt(share * (1 - share) / total + weight / (4 * total)) / (1 + weight)
    return (0.0 if hits == 0 else max(0.0, centre - spread)), (1.0 if hits == total else min(1.0, centre + spread))
