"""A chat server that is out of order three times in ten, for `benchmarks.faulty_answers`: it notes all that it bills.

It is a reasoning model behind a gateway: it takes neither `max_tokens` nor a temperature nor a system message, and of each
request it draws, from the seed and how often it had that request, whether it answers well and, if not, what goes wrong.
"""

from __future__ import annotations

import json
import random
import re
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

LBBB = (
    "Left bundle branch block shows a QRS complex of 120 ms or more, with a broad, notched R wave in I, aVL, V5 and V6 and "
    "a deep S wave in V1."
)
GERMAN = "Der QRS-Komplex ist auf mindestens 120 ms verbreitert, und die R-Zacke in V1 ist hoch und nicht gespalten."
BILLED = {  # the server answered, and says a text: the right one, dressed up, or one to be refused
    "thinking in parts": lambda text: [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": text}],
    "thought": lambda text: f"<think>The user asks about a finding. Let me see V1.</think>\n{text}",
    "open thought": lambda text: f"<think>The user asks about a finding. {text}",
    "German": lambda text: GERMAN,
    "a table": lambda text: f"## Criteria\n\n| lead | sign |\n| --- | --- |\n| V1 | {text} |",
    "bold": lambda text: text.replace(" QRS ", " **QRS** "),
    "citations": lambda text: text.replace(".", " [1][2]."),
    "LaTeX": lambda text: re.sub(r"(\d+) (ms|mV)\b", r"$\1\\,\\mathrm{\2}$", text),
    "HTML": lambda text: "<ul>" + "".join(f"<li>{each}.</li>" for each in text.removesuffix(".").split(". ")) + "</ul>",
    "an opening": lambda text: (
        f"Here is a description of the ECG finding: {text} Let me know if you need more about the ECG."
    ),
    "another finding": lambda text: LBBB,
    "half a character": lambda text: f"{text}\ud83e",
    "counts as strings": lambda text: text,
    "counts that are none": lambda text: text,
    "a list of models": lambda text: text,
    "all tokens thought away": lambda text: None,
}
USELESS = [
    "null choice",
    "a number",
    "a key twice",
    "HTML page",
    "empty",
    "half",
    "gzip",
    "error as an answer",
    "429",
    "500",
    "cut",
]
FAULTS = [*BILLED, *USELESS]


@dataclass
class Billed:
    """An answer that the server sent completely, and bills."""

    key: str
    statement: str
    tokens: int
    counted: bool  # the server told the count in plain numbers


@dataclass
class Notes:
    base_url: str = ""
    requests: int = 0
    refused: int = 0  # for a field that the server does not take
    faults: Counter[str] = field(default_factory=Counter)
    billed: list[Billed] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    lock: Lock = field(default_factory=Lock)


def key_of(contents: list[str], limit: int) -> str:
    """Names a request by what is said and how long its answer may be."""
    return json.dumps([contents, limit])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that was killed."""


@contextmanager
def faulty_server(texts: Mapping[str, str], seed: int, share: float, pause_s: float) -> Iterator[Notes]:
    """Serve on a free port of this machine.

    Args:
        texts: the right description by the statement that the question ends with.
        share: of the requests that go wrong.
        pause_s: what an answer takes.
    """
    notes, had = Notes(), Counter[str]()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with notes.lock:
                notes.requests += 1
                notes.in_flight += 1
                notes.most_in_flight = max(notes.most_in_flight, notes.in_flight)
            try:
                self._reply(body)
            finally:
                with notes.lock:
                    notes.in_flight -= 1

        def _reply(self, body: dict[str, Any]) -> None:
            for name, words in (
                ("max_tokens", "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."),
                (
                    "temperature",
                    "'temperature' does not support 0.0 with this model. Only the default (1) value is supported.",
                ),
            ):
                if name in body:
                    return self._refuse(f"Unsupported parameter: {words}", name)
            if body["messages"][0]["role"] == "system":
                return self._refuse("System role not supported", None)
            contents, limit = [message["content"] for message in body["messages"]], body["max_completion_tokens"]
            statement = contents[0].rpartition("Question: How is ")[2].removesuffix(" reflected in a 12-lead ECG?")
            key = key_of(contents, limit)
            with notes.lock:
                had[key] += 1
                rng = random.Random(f"{seed} {key} {had[key]}")
                fault = rng.choice(FAULTS) if rng.random() < share else "none"
                notes.faults[fault] += 1
            time.sleep(pause_s * rng.uniform(0.5, 1.5))
            self._answer(key, statement, fault, contents, limit)

        def _refuse(self, words: str, named: str | None) -> None:
            with notes.lock:
                notes.refused += 1
            self._send(400, json.dumps({"error": {"message": words, "param": named}}).encode())

        def _answer(self, key: str, statement: str, fault: str, contents: list[str], limit: int) -> None:
            text = texts[statement]
            said = BILLED[fault](text) if fault in BILLED else text
            prompt = sum(len(content) // 4 for content in contents)
            completion = limit if said is None else len(json.dumps(said)) // 4
            usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": completion}
            if fault == "counts as strings":
                usage = {name: str(count) for name, count in usage.items()}
            if fault == "counts that are none":
                usage = {"prompt_tokens": float("nan"), "completion_tokens": -1}
            choice: Any = {"index": 0, "finish_reason": "stop" if said else "length", "message": {"content": said}}
            if fault == "null choice":
                choice = None
            if fault == "a number":
                choice["message"]["content"] = 42
            model = ["m"] if fault == "a list of models" else "m"
            data = json.dumps({"id": "x", "model": model, "choices": [choice], "usage": usage}).encode()
            if fault not in USELESS:
                with notes.lock:
                    notes.billed.append(Billed(key, statement, prompt + completion, not fault.startswith("counts")))
            if fault == "a key twice":
                data = data[:-1] + b', "choices": []}'
            if fault == "error as an answer":
                data = json.dumps({"error": {"message": "upstream timed out", "code": 504}}).encode()
            if fault == "cut":
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            elif fault in ("429", "500"):
                self._send(
                    int(fault), b'{"error": {"message": "not now"}}', {"Retry-After": "0.05"} if fault == "429" else {}
                )
            elif fault == "HTML page":
                self._send(200, b"<html><body>Sign in</body></html>", {"Content-Type": "text/html"})
            elif fault == "half":
                self._send(200, data[: len(data) // 2])
            else:
                gzip = fault == "gzip"
                self._send(200, b"" if fault == "empty" else data, {"Content-Encoding": "gzip"} if gzip else {})

        def _send(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": len(data), **(headers or {})}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(data)

        def setup(self) -> None:
            super().setup()
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else 40 ms an answer

        def log_message(self, *arguments: Any) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    notes.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield notes
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def recording_proxy() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy on this machine that notes what it is sent and answers 502; its host:port and its notes."""
    sent: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                sent.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    Thread(target=serve, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", sent
    finally:
        listener.close()
