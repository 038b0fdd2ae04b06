"""A stored picture on its way to a model: opened and verified. Asks no database."""

import hashlib

from clinic import pictures


class UnreadableImageError(Exception):
    """The stored file cannot be given to the model; ``code`` says why."""

    def __init__(self, code: str, *, final: bool) -> None:
        super().__init__(code)
        self.code = code
        self.final = final


def fetch_checked(name: str, sha256: str) -> bytes:
    """The bytes that were stored. Raises UnreadableImageError where they are gone or altered."""
    try:
        content = pictures.fetch(name)
    except (FileNotFoundError, pictures.StorageError) as error:
        raise UnreadableImageError("image_missing", final=False) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UnreadableImageError("image_altered", final=True)
    return content
