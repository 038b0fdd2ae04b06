"""A part of a whole, and how sure that share is."""

from dataclasses import dataclass

# the normal distribution's quantile of a 95% interval
Z = 1.959964


@dataclass(frozen=True)
class Share:
    """``part`` of ``whole`` with its 95% interval."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson score interval (E. B. Wilson, J Am Stat Assoc 22:209, 1927)."""
        if not self.whole:
            return None
        n, p = self.whole, self.part / self.whole
        middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * (p * (1 - p) / n + Z**2 / (4 * n**2)) ** 0.5
        return max(0.0, middle - half), min(1.0, middle + half)
