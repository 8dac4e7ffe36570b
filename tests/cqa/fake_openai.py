"""A local server that speaks as much of the OpenAI protocol as the project uses, and records all that it is sent.

A reply's content is sent as JSON, bytes as they are; `CUT` closes the connection without an answer.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

Reply = Callable[[str, Any], tuple[int, dict[str, str], Any]]  # path, body: JSON, or bytes of anything else
CUT = object()


@dataclass
class Recorded:
    base_url: str = ""
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)  # path, headers, body
    lock: Lock = field(default_factory=Lock)


def completion(text: str, finish_reason: str = "stop") -> tuple[int, dict[str, str], Any]:
    """A chat answer of 11 prompt and 7 completion tokens."""
    choice = {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return 200, {}, {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}


@contextmanager
def fake_openai(reply: Reply) -> Iterator[Recorded]:
    """Serve on a free port of this machine; `reply(path, body)` gives status, headers and JSON content."""
    recorded = Recorded()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            body = json.loads(data) if self.headers["Content-Type"] == "application/json" else data
            with recorded.lock:
                recorded.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self._answer(*reply(self.path, body))

        def do_GET(self) -> None:
            self._answer(*reply(self.path, None))

        def _answer(self, status: int, headers: dict[str, str], content: Any) -> None:
            if content is CUT:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def setup(self) -> None:
            super().setup()
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else 40 ms an answer

        def log_message(self, *arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that left early (a time-out, a kill) is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    recorded.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield recorded
    finally:
        server.shutdown()
        server.server_close()
