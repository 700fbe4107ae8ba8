"""A published number with its source. Each stands once, with the problem that it belongs to."""

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
