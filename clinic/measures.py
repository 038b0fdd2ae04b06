"""Sizes as they were entered: a column of fixed places adds zeros that nobody measured."""

from decimal import Decimal


def entered(size: Decimal) -> Decimal:
    """4.50 is 4.5, 4.00 is 4 and 40.00 is 40, not 4E+1."""
    whole = size.to_integral_value()
    return whole if size == whole else size.normalize()
