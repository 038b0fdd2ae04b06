"""A client of the REST API over HTTP, as another system would write it."""

import json
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]


class ApiClient:
    """Speaks JSON and multipart to ``{url}/api/v1`` with a bearer token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = f"{url}/api/v1"
        self.token = token

    def get(self, path: str) -> Answer:
        return self._send("GET", path)

    def post(self, path: str, fields: dict[str, Any]) -> Answer:
        return self._send("POST", path, json.dumps(fields).encode(), "application/json")

    def upload(self, path: str, fields: dict[str, str], *, name: str, content: bytes) -> Answer:
        """Multipart, the file as ``file``."""
        return self._send("POST", path, *multipart(fields, name=name, content=content))

    def _send(
        self, method: str, path: str, body: bytes | None = None, media_type: str = ""
    ) -> Answer:
        address = path if path.startswith("http") else f"{self.url}{path}"
        request = urllib.request.Request(address, data=body, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        if media_type:
            request.add_header("Content-Type", media_type)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return self._read(response)
        except urllib.error.HTTPError as error:
            return self._read(error)

    def _read(self, response: Any) -> Answer:
        content = response.read()
        is_json = "json" in response.headers.get("Content-Type", "")
        body = json.loads(content) if is_json and content else content
        return Answer(response.status, body, dict(response.headers))


def multipart(fields: dict[str, str], *, name: str, content: bytes) -> tuple[bytes, str]:
    """The body and its media type."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    ]
    disposition = f'form-data; name="file"; filename="{name}"'
    head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
    body = "".join(parts).encode() + head.encode() + b"Content-Type: image/jpeg\r\n\r\n"
    body += content + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"
