"""The storage of pictures: a folder or a bucket, one set of failures.

Whatever goes wrong becomes a StorageError with one sentence for the operator's log; who called sees
a 503 and nothing half stored. Keys are random and say nothing of a patient.
"""

import base64
import contextlib
import datetime
import errno
import logging
import uuid
from collections.abc import Iterator

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from clinic.errors import RetryError
from clinic.refusals import refusal_message

logger = logging.getLogger(__name__)

RETRY_SECONDS = 10
FOLDER_REASONS = {
    errno.ENOSPC: "the volume of MEDIA_ROOT is full",
    errno.EDQUOT: "the quota of MEDIA_ROOT is used up",
    errno.EROFS: "MEDIA_ROOT is read-only",
    errno.EACCES: "MEDIA_ROOT may not be written by this user",
    errno.ENOTDIR: "MEDIA_ROOT is not a folder",
}
WRONG_KEY = "the bucket refuses the key (NEVUS_S3_ACCESS_KEY, NEVUS_S3_SECRET_KEY)"
BUCKET_REASONS = {
    "NoSuchBucket": "the bucket does not exist (NEVUS_S3_BUCKET)",
    "InvalidAccessKeyId": WRONG_KEY,
    "SignatureDoesNotMatch": WRONG_KEY,
    "AccessDenied": WRONG_KEY,
    "403": WRONG_KEY,
}


class StorageError(RetryError):
    """The storage does not answer; ``reason`` is for the operator."""

    def __init__(self, reason: str) -> None:
        code = "storage_unavailable"
        super().__init__(code, refusal_message(code, {}), status=503, seconds=RETRY_SECONDS)
        self.reason = reason


def put(name: str, content: bytes) -> str:
    """Keep the bytes; the key under which they are found. Raises StorageError, nothing is kept."""
    try:
        with failing_clearly():
            return default_storage.save(name, ContentFile(content))
    except StorageError:
        # a full volume leaves the part that fitted; a bucket takes all or nothing
        if not settings.BUCKET:
            remove(name)
        raise


def fetch(name: str) -> bytes:
    """The bytes. Raises FileNotFoundError where there are none, else StorageError."""
    with failing_clearly(), default_storage.open(name) as file:
        return file.read()


def remove(name: str) -> None:
    """Take it away. A key that stays behind belongs to no row and is seen by nobody: it is logged,
    and what was under way fails for its own reason."""
    try:
        with failing_clearly():
            default_storage.delete(name)
    except StorageError as error:
        logger.error("%s was left in the storage: %s", name, error.reason)


def held(folder: str) -> Iterator[str]:
    """Every key below this folder; none where it does not exist. Raises StorageError."""
    try:
        with failing_clearly():
            folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}/{name}" for name in files)
    for name in folders:
        yield from held(f"{folder}/{name}")


def exists(name: str) -> bool:
    """Raises StorageError."""
    with failing_clearly():
        return default_storage.exists(name)


def written_at(name: str) -> datetime.datetime | None:
    """None where it is not there. Raises StorageError."""
    with contextlib.suppress(FileNotFoundError), failing_clearly():
        # a bucket has no FileNotFoundError of its own
        if default_storage.exists(name):
            return default_storage.get_modified_time(name)
    return None


def probe() -> None:
    """Write, read and take away a small file. Raises StorageError."""
    # several processes ask at the same time
    name = put(f"health/{uuid.uuid4().hex}", b"ok")
    try:
        if fetch(name) != b"ok":
            raise StorageError("it gave back something else than it was given")
    finally:
        remove(name)


@contextlib.contextmanager
def failing_clearly() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except failures() as error:
        found = StorageError(explain(error))
        logger.error("the storage failed: %s", found.reason)
        raise found from error


def failures() -> tuple[type[Exception], ...]:
    """What the storage raises; the libraries of the bucket are loaded only where one is used."""
    if not settings.BUCKET:
        return (OSError,)
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    return OSError, Boto3Error, BotoCoreError, ClientError


def explain(error: Exception) -> str:
    """The likely reason in the words of our settings; else the library's own."""
    if isinstance(error, OSError):
        return FOLDER_REASONS.get(error.errno or 0, f"{type(error).__name__}: {error.strerror}")
    response = getattr(error, "response", None) or getattr(error.__context__, "response", None)
    code = str((response or {}).get("Error", {}).get("Code", ""))
    if code:
        return BUCKET_REASONS.get(code, f"the bucket answers {code}")
    return f"{type(error).__name__}: {error}"


def signed_address(name: str, *, sha256: str = "") -> str | None:
    """An address of the bucket that shows this picture for a short while; None in a folder.

    With ``sha256`` only where the bucket says that the bytes it holds have that hash (it computed
    it when they came): what was altered is read and checked by us instead. Raises
    FileNotFoundError and StorageError.
    """
    if not (settings.BUCKET and settings.BUCKET.signs):
        return None
    with failing_clearly():
        if sha256 and stored_hash(name) != sha256:
            return None
        return default_storage.url(name)


def stored_hash(name: str) -> str:
    """The SHA-256 that the bucket keeps with the object, in hexadecimal; empty where none."""
    client = default_storage.connection.meta.client
    try:
        head = client.head_object(Bucket=settings.BUCKET.name, Key=name, ChecksumMode="ENABLED")
    except client.exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            raise FileNotFoundError(name) from error
        raise
    return base64.b64decode(head.get("ChecksumSHA256", "")).hex()
