"""A published number with its source. Each stands once, with the problem that it belongs to."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A number with its source.

    Attributes:
        value: float.
        source: str.
        how: "read" (in the source), "recalled" (from memory of it) or "derived" (by algebra).
        rounding: float, by how much the source may have rounded it: half a unit of its last digit.
    """

    value: float
    source: str
    how: str
    rounding: float = 0.0

    @property
    def text(self):
        """The value with as many decimals as the source has, or six digits where its rounding isn't known."""
        return "%.*f" % (round(-math.log10(2 * self.rounding)), self.value) if self.rounding else "%.6g" % self.value
