"""The one error that a rule raises, whoever called: a page shows it, the API answers with it."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


class DomainError(Exception):
    """Something the caller can understand and put right.

    ``code`` is stable and machine-readable, ``message`` is one sentence for the user, ``status``
    the HTTP status, ``errors`` maps a field to its messages, ``values`` are what the sentence says
    beside its words: with the code enough to say it again in another language.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        errors: Mapping[str, Iterable[str]] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = str(message)
        self.status = status
        self.values = dict(values or {})
        self.errors = {
            field: [str(text) for text in texts] for field, texts in (errors or {}).items()
        }


class FieldError(DomainError):
    """One field is wrong; the message stands beside it."""

    def __init__(self, code: str, message: str, *, field: str, **more: Any) -> None:
        super().__init__(code, message, errors={field: [message]}, **more)


class RetryError(DomainError):
    """It may work later: in so many ``seconds``."""

    def __init__(self, code: str, message: str, *, status: int, seconds: int) -> None:
        super().__init__(code, message, status=status)
        self.seconds = seconds


class OvertakenError(DomainError):
    """Somebody else changed the record meanwhile: ``errors`` says what is different, ``seen`` is
    the mark of what stands there now (clinic/services/seen.py), and ``now`` has the values of the
    fields that the actor left as they were."""

    def __init__(
        self, errors: Mapping[str, Iterable[str]], *, seen: str, now: Mapping[str, Any]
    ) -> None:
        message = _(
            "This was changed meanwhile, by somebody else or in another window. Nothing was "
            "stored: what is different now is said below. Save again to put what you typed in "
            "its place."
        )
        errors = {"__all__": [message], **errors}
        super().__init__("changed_meanwhile", message, status=409, errors=errors)
        self.seen = seen
        self.now = now


def from_validation_error(error: ValidationError) -> DomainError:
    """A model's ``full_clean`` as a DomainError with the same field messages."""
    fields = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
    first = next(iter(fields.values()))[0]
    return DomainError("invalid", first, errors=fields)
