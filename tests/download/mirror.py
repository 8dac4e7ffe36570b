"""A mirror on this machine that serves releases as PhysioNet does, and misbehaves as it is told."""

from __future__ import annotations

import base64
import hashlib
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import unquote


@dataclass
class Request:
    """What one request was, and how much of the file it got."""

    path: str
    start: int | None  # of its Range
    sent: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    connection: int = 0  # the client's port: the same for requests on one kept connection


@dataclass
class Mirror:
    """Files by path, and what to do wrong, by path."""

    files: dict[str, bytes]
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    drop_after: dict[str, list[int]] = field(default_factory=dict)  # bytes after which each next answer breaks off
    statuses: dict[str, list[tuple[int, dict[str, str]]]] = field(default_factory=dict)  # answers before the file's own
    corrupt: Counter[str] = field(default_factory=Counter)  # how often the file comes with a wrong first byte
    no_range: bool = False
    wrong_range: bool = False  # 206 with bytes other than those asked for
    login: tuple[str, str] | None = None
    stall_after: dict[str, int] = field(default_factory=dict)  # bytes after which the answer waits for `go_on`
    stalled: Event = field(default_factory=Event)
    go_on: Event = field(default_factory=Event)
    lock: Any = field(default_factory=Lock)

    def sent(self, path: str) -> int:
        """Bytes of a file that went out, over all requests."""
        return sum(request.sent for request in self.requests if request.path == path)

    def asked(self, path: str) -> int:
        return sum(request.path == path for request in self.requests)


def sums(files: dict[str, bytes]) -> bytes:
    """The list of files as PhysioNet writes it: one space."""
    return "".join(f"{hashlib.sha256(content).hexdigest()} {path}\n" for path, content in files.items()).encode()


def release(folder: str, files: dict[str, bytes]) -> dict[str, bytes]:
    """The files of one release as a mirror holds them, with their list."""
    return {f"{folder}/{path}": content for path, content in {**files, "SHA256SUMS.txt": sums(files)}.items()}


@contextmanager
def serve(files: dict[str, bytes], **faults: Any) -> Iterator[Mirror]:
    """Serve on a free port of this machine."""
    mirror = Mirror(files, **faults)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(self.path).lstrip("/")
            wanted = self.headers.get("Range")
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else None
            request = Request(path, start, 0, dict(self.headers.items()), self.client_address[1])
            with mirror.lock:
                mirror.requests.append(request)
                told = mirror.statuses.get(path, [])
                status = told.pop(0) if told else None
                drops = mirror.drop_after.get(path, [])
                drop = drops.pop(0) if drops else None
                content = mirror.files.get(path)
                if content and mirror.corrupt[path] > 0:
                    mirror.corrupt[path] -= 1
                    content = bytes([content[0] ^ 255]) + content[1:]
            if mirror.login and self.headers.get("Authorization") != basic(*mirror.login):
                self.answer(403, {}, b"no")
            elif status:
                self.answer(*status, b"not now")
            elif content is None:
                self.answer(404, {}, b"not here")
            elif start is None or mirror.no_range:
                self.answer(200, {}, content, request, drop)
            elif start >= len(content):
                self.answer(416, {"Content-Range": f"bytes */{len(content)}"}, b"")
            else:
                first = 0 if mirror.wrong_range else start
                headers = {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"}
                self.answer(206, headers, content[first:], request, drop)

        def answer(
            self, status: int, headers: dict[str, str], body: bytes, request: Request | None = None, drop: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            body = body if drop is None else body[:drop]
            stall = mirror.stall_after.get(request.path) if request else None
            if request and stall is not None and request.start is None:
                self.write(body[:stall], request)
                mirror.stalled.set()
                mirror.go_on.wait(30)
                body = body[stall:]
            self.write(body, request)
            if drop is not None:
                self.connection.shutdown(socket.SHUT_RDWR)

        def write(self, body: bytes, request: Request | None) -> None:
            if request:
                request.sent += len(body)  # first: the client may be done before this thread goes on
            try:
                self.wfile.write(body)
                self.wfile.flush()
            except OSError:  # the client is gone, killed as it should be
                self.close_connection = True
                if request:
                    request.sent -= len(body)

        def setup(self) -> None:
            super().setup()
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else 40 ms an answer

        def log_message(self, *arguments: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *arguments: Any) -> None:
            pass  # dropped and killed connections are what the tests are about

    server = Quiet(("127.0.0.1", 0), Handler)
    mirror.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield mirror
    finally:
        mirror.go_on.set()
        server.shutdown()
        server.server_close()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
