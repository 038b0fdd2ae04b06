"""A TCP line to a server that can be made to break in the middle of an upload."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

PORTION = 4096
# Chromium sends again by itself what broke on a connection that it had used before: here each
# request has one of its own (the spaces keep the length)
KEEP, CLOSE = b"Connection: keep-alive", b"Connection: close     "


class Line:
    """``url`` leads to the server. Each of the next ``breaks`` uploads of at least ``least`` bytes
    to a path that contains ``path`` is cut off when ``share`` of its body has gone through."""

    def __init__(self, server: str) -> None:
        self._server = (urlsplit(server).hostname, urlsplit(server).port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._breaks, self._path, self._share, self._least = 0, b"", 1.0, 0
        self.broken = 0

    def break_uploads(self, breaks: int, *, path: str, share: float, least: int = 0) -> None:
        self._breaks, self._path, self._share, self._least = breaks, path.encode(), share, least

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                server = socket.create_connection(self._server)
                for work in ((self._upwards, client, server), (self._downwards, server, client)):
                    threading.Thread(target=work[0], args=work[1:], daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _upwards(self, client: socket.socket, server: socket.socket) -> None:
        left: int | None = None
        with suppress(OSError):
            while portion := client.recv(PORTION):
                left = self._allowance(portion) if left is None else left - len(portion)
                if left is not None and left <= 0:
                    self.broken += 1
                    break
                server.sendall(portion.replace(KEEP, CLOSE))
        for end in (client, server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _downwards(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while portion := server.recv(PORTION):
                client.sendall(portion)
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)

    def _allowance(self, portion: bytes) -> int | None:
        """How many more bytes of this upload go through; None where it is left alone."""
        first, _, rest = portion.partition(b"\r\n")
        if not (first.startswith(b"POST") and self._path in first):
            return None
        headers = rest.split(b"\r\n\r\n")[0].lower().split(b"\r\n")
        line = next(line for line in headers if line.startswith(b"content-length:"))
        length = int(line.partition(b":")[2])
        with self._lock:
            if not self._breaks or length < self._least:
                return None
            self._breaks -= 1
        return int(length * self._share)


@contextmanager
def open_line(server: str) -> Iterator[Line]:
    line = Line(server)
    threading.Thread(target=line.serve, daemon=True).start()
    try:
        yield line
    finally:
        line.close()
