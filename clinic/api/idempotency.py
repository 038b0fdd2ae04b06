"""The Idempotency-Key header, for every action that stores something."""

import contextlib
import functools
import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import DatabaseError, transaction
from django.http import QueryDict
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.errors import DomainError
from clinic.permissions import roles_by_hospital
from clinic.services import idempotency

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAXIMUM_LENGTH = 255
PARAMETER = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="A value of your choice, new for each order: a repetition within 24 hours gets the "
    "first answer again and changes nothing.",
)

Action = Callable[..., Response]


def idempotent(action: Action) -> Action:
    """Run a view's action once for each key; failures are not remembered.

    The work and the memory of it are one transaction, so a process that is killed between them
    leaves neither. Only successful answers with a JSON body are remembered.
    """

    def work(claim: uuid.UUID, _identifier: uuid.UUID, run: Callable[..., Response]) -> Response:
        with transaction.atomic():
            return finished(claim, run())

    return once_for_each_key(action, work)


def resumable(action: Action) -> Action:
    """The same for an action that is long and goes on where it was: not one transaction, in which
    the log of the hospital would be locked for all of it.

    With a key the action is given an ``identifier``, the same whenever this request is repeated.
    """

    def work(claim: uuid.UUID, identifier: uuid.UUID, run: Callable[..., Response]) -> Response:
        return finished(claim, run(identifier=identifier))

    return once_for_each_key(action, work)


def once_for_each_key(action: Action, work: Callable[..., Response]) -> Action:
    @functools.wraps(action)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        run = functools.partial(action, view, request, *args, **kwargs)
        key = request.headers.get(HEADER)
        if key is None:
            return run()
        check(key)
        digest = digest_of(request)
        first = idempotency.begin(actor=request.user, key=key, digest=digest)
        if isinstance(first, idempotency.Answer):
            return replay(first)
        try:
            return work(first, uuid.uuid5(request.user.pk, f"{digest} {key}"), run)
        except BaseException:
            # with the database gone the key stays taken until the claim is old
            with contextlib.suppress(DatabaseError):
                idempotency.abandon(claim=first)
            raise

    once.is_idempotent = True  # type: ignore[attr-defined]
    return once


def finished(claim: uuid.UUID, response: Response) -> Response:
    idempotency.finish(claim=claim, answer=answer_of(response))
    return response


def check(key: str) -> None:
    if not 0 < len(key) <= MAXIMUM_LENGTH or not key.isprintable():
        message = _("The idempotency key has 1 to %(most)d printable characters.")
        raise DomainError("invalid_idempotency_key", message % {"most": MAXIMUM_LENGTH})


def answer_of(response: Response) -> idempotency.Answer:
    body = JSONRenderer().render(response.data).decode()
    return idempotency.Answer(response.status_code, body, response.headers.get("Location", ""))


def replay(answer: idempotency.Answer) -> Response:
    headers = {REPLAYED: "true"}
    if answer.location:
        headers["Location"] = answer.location
    return Response(json.loads(answer.body), status=answer.status, headers=headers)


def digest_of(request: Request) -> str:
    """SHA-256 of what is asked, files included.

    The roles of the user belong to it: an answer is not given again to who may see less since.
    """
    roles = sorted([str(pk), sorted(held)] for pk, held in roles_by_hospital(request.user).items())
    parts = [request.method, request.get_full_path(), roles, list(body_parts(request.data))]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def body_parts(data: Any) -> Iterator[Any]:
    """A JSON body as it is; of a form each field's values, of a file its name and its hash."""
    if not isinstance(data, QueryDict):
        yield data
        return
    for name in sorted(data):
        for value in data.getlist(name):
            yield [name, *file_parts(value)] if isinstance(value, UploadedFile) else [name, value]


def file_parts(file: UploadedFile) -> list[str]:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return [file.name or "", digest.hexdigest()]
