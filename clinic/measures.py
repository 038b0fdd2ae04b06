"""Figures as they were entered: a column of fixed places adds zeros that nobody measured."""

from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _


def entered(size: Decimal) -> Decimal:
    """4.50 is 4.5, 4.00 is 4 and 40.00 is 40, not 4E+1."""
    whole = size.to_integral_value()
    return whole if size == whole else size.normalize()


def exact_percent(share: float, places: int = 4) -> str:
    """A share from 0 to 1 in percent, with decimals only where it has any."""
    number = round(share * 100, places)
    decimals = len(f"{number:.{places}f}".rstrip("0").partition(".")[2])
    return _("%(number)s%%") % {"number": number_format(number, decimal_pos=decimals)}
