"""How fast and in how much memory descriptions are asked for: `python -m benchmarks.cqa_requests`.

A server on this machine answers each request after a fixed time; the writer, with its checks, cache and ledger, is compared
with a bare asyncio client that sends the same bodies and keeps nothing. Then the run is repeated from the cache.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from benchmarks.report import report
from esi import params
from esi.cqa.retrieve.retrieval import Passage
from esi.cqa.write.chat_endpoint import body_of
from esi.cqa.write.conversation import Conversation
from esi.cqa.write.describe import write_all, writer_of
from esi.cqa.write.description import Question
from esi.settings.cqa import Describe

SERVER = """
import asyncio, json, sys
PAUSE = float(sys.argv[1])
CHOICE = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content":
    "The finding shows a wide QRS complex and a tall R wave in V1."}}
BODY = json.dumps({"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [CHOICE],
    "usage": {"prompt_tokens": 90, "completion_tokens": 18, "total_tokens": 108}}).encode()
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(BODY) + BODY

async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\\r\\n\\r\\n")).lower()
            await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\\r\\n")[0]))
            await asyncio.sleep(PAUSE)
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


@contextmanager
def server(pause_s: float) -> Iterator[str]:
    """A process of its own that answers after `pause_s`; its base URL."""
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(pause_s)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.kill()
        process.wait()


def questions(count: int) -> Iterator[Question]:
    """Different findings with one passage of about 80 tokens each."""
    for number in range(count):
        name = f"finding number {number}"
        text = f"The QRS complex of {name} is wide, with a tall R wave in V1 and a deep S wave in I and V6. " * 2
        passage = Passage("id", "book.md", f"{name} > ECG criteria", [name], 1, text, number, 0.9)
        yield Question(name, f"How is {name} reflected in a 12-lead ECG?", (passage,))


async def bare(bodies: list[bytes], url: str, concurrency: int) -> float:
    """Requests a second of plain asyncio streams that parse the answer's JSON and do nothing else."""
    todo = iter(bodies)
    place = urlsplit(url)

    async def work() -> None:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        for body in todo:
            head = f"POST {place.path}/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            json.loads(await reader.readexactly(int(answer.split(b"content-length:")[1].split(b"\r\n")[0])))
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return len(bodies) / (time.perf_counter() - start)


def memory_mb() -> float:
    """Peak resident memory of this process so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def measured(settings: Describe, count: int, pause_s: float) -> dict[str, float]:
    """Requests a second of the writer and of the bare client, seconds to resume, memory."""
    with server(pause_s) as url, tempfile.TemporaryDirectory() as folder:
        os.environ["DVC_ROOT"] = folder
        settings = settings.model_copy(update={"base_url": url})
        asked = list(questions(count))
        bodies = []
        for question in asked[: min(count, 5000)]:
            request = Conversation(question, settings).request
            assert request is not None
            bodies.append(json.dumps(body_of(request["messages"], settings)).encode())
        bare_rate = asyncio.run(bare(bodies, url, settings.concurrency))
        write_all(asked[:100], writer_of(settings))  # imports and connections
        before = memory_mb()
        start, cpu = time.perf_counter(), time.process_time()
        write_all(asked[100:], writer_of(settings))
        rate = (count - 100) / (time.perf_counter() - start)
        cpu_ms = 1000 * (time.process_time() - cpu) / (count - 100)
        after = memory_mb()
        start = time.perf_counter()
        described = write_all(asked, writer_of(settings))
        resume_s = time.perf_counter() - start
        assert not any(answer.new for answer in described.values())
    return {
        "requests_per_second": round(rate),
        "bare_asyncio_requests_per_second": round(bare_rate),
        "cpu_ms_per_request": round(cpu_ms, 2),
        "resume_s": round(resume_s, 1),
        "memory_before_mb": before,
        "memory_after_mb": after,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--pauses", type=float, nargs="+", default=[0.5, 0.0], help="seconds that the server takes")
    arguments = parser.parse_args()
    changes = {"provider": "openai", "model": "m", "concurrency": arguments.concurrency}
    settings = params.load().describe.model_copy(update=changes)
    figures = {f"{pause}": measured(settings, arguments.labels, pause) for pause in arguments.pauses}
    slow = figures[f"{arguments.pauses[0]}"]
    report(
        "cqa_requests",
        f"{slow['requests_per_second']} requests/s from a server that takes {arguments.pauses[0]} s, "
        f"{arguments.concurrency} at once (bare asyncio: {slow['bare_asyncio_requests_per_second']}); "
        f"resumed in {slow['resume_s']} s",
        {"labels": arguments.labels, "concurrency": arguments.concurrency, "by_pause_s": figures},
    )


if __name__ == "__main__":
    main()
