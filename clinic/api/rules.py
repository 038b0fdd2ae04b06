"""What a service refuses about one value, said beside that of the other fields of a body.

The framework gathers what is wrong with each field before it answers, and keeps of an error the
message and a code. Where one rule is all that was broken, the answer is as if the service had
refused (config/api.py).
"""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from clinic.errors import DomainError, FieldError


class RuleCode(str):
    """The code of an error of ours, with its HTTP status; the framework's own codes are none."""

    status = 400

    @classmethod
    def of(cls, error: DomainError) -> "RuleCode":
        code = cls(error.code)
        code.status = error.status
        return code


def broken(error: DomainError) -> ValidationError:
    return ValidationError(error.message, code=RuleCode.of(error))


def rule(check: Callable[[Any], None]) -> Callable[[Any, Any], Any]:
    """A service's rule about one value as the ``validate_<field>`` of a serializer."""

    def validate(_serializer: Any, value: Any) -> Any:
        if value is not None:
            try:
                check(value)
            except FieldError as error:
                raise broken(error) from error
        return value

    return validate


def no_such_record(field: str = "") -> DomainError:
    message = _("There is no such record.")
    if field:
        return FieldError("not_found", message, field=field, status=404)
    return DomainError("not_found", message, status=404)
