"""A POST with an Idempotency-Key is done once; its repetitions get the first answer.

(draft-ietf-httpapi-idempotency-key-header-07)
"""

import datetime
import uuid
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from clinic.errors import DomainError, RetryError
from clinic.models import IdempotencyKey, User

LIFETIME = datetime.timedelta(days=1)
# a process that has not answered for so long is believed dead; should it live after all, it finds
# its claim gone and rolls back
ABANDONED = datetime.timedelta(minutes=2)


@dataclass(frozen=True)
class Answer:
    """A successful response: its status, the text of its body and its Location or ""."""

    status: int
    body: str
    location: str


def begin(*, actor: User, key: str, digest: str) -> Answer | uuid.UUID:
    """The answer that was given already, or the claim to run the request now.

    Commits at once, so that a second request sees the first. Raises DomainError (409)
    ``idempotency_key_reused`` for another request or ``idempotency_in_progress``.
    """
    now = timezone.now()
    IdempotencyKey.objects.filter(expires_at__lte=now).delete()
    claim = uuid.uuid4()
    row, is_new = IdempotencyKey.objects.get_or_create(
        user=actor,
        key=key,
        defaults={
            "digest": digest,
            "claim": claim,
            "claimed_at": now,
            "expires_at": now + LIFETIME,
        },
    )
    if is_new:
        return claim
    if row.digest != digest:
        message = _("This idempotency key was used for another request.")
        raise DomainError("idempotency_key_reused", message, status=409)
    if row.status is not None:
        return Answer(row.status, row.body, row.location)
    if row.claimed_at > now - ABANDONED or not _running(row.claim).update(
        claim=claim, claimed_at=now
    ):
        raise _in_progress()
    return claim


@transaction.atomic
def finish(*, claim: uuid.UUID, answer: Answer) -> None:
    """Remember the answer, in the transaction of the work itself: both or neither."""
    written = _running(claim).update(
        status=answer.status, body=answer.body, location=answer.location
    )
    if not written:
        raise _in_progress()


def abandon(*, claim: uuid.UUID) -> None:
    """Forget a request that failed: it may be sent again with the same key."""
    _running(claim).delete()


def _running(claim: uuid.UUID) -> QuerySet[IdempotencyKey]:
    return IdempotencyKey.objects.filter(claim=claim, status__isnull=True)


def _in_progress() -> RetryError:
    message = _("The first request with this idempotency key is still running.")
    return RetryError("idempotency_in_progress", message, status=409, seconds=1)
