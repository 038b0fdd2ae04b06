"""The one error that a rule raises, whoever called: a page shows it, the API answers with it."""

from collections.abc import Iterable, Mapping

from django.core.exceptions import ValidationError


class DomainError(Exception):
    """Something the caller can understand and put right.

    ``code`` is stable and machine-readable, ``message`` is one sentence for the user, ``status``
    the HTTP status, ``errors`` maps a field to its messages.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        errors: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = str(message)
        self.status = status
        self.errors = {
            field: [str(text) for text in texts] for field, texts in (errors or {}).items()
        }


class FieldError(DomainError):
    """One field is wrong; the message stands beside it."""

    def __init__(self, code: str, message: str, *, field: str, status: int = 400) -> None:
        super().__init__(code, message, status=status, errors={field: [message]})


class RetryError(DomainError):
    """It may work later: in so many ``seconds``."""

    def __init__(self, code: str, message: str, *, status: int, seconds: int) -> None:
        super().__init__(code, message, status=status)
        self.seconds = seconds


def from_validation_error(error: ValidationError) -> DomainError:
    """A model's ``full_clean`` as a DomainError with the same field messages."""
    fields = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
    first = next(iter(fields.values()))[0]
    return DomainError("invalid", first, errors=fields)
