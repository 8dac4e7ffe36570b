"""One file over HTTP: into `<file>.part`, resumed after a drop, checked against its SHA-256, and only then renamed.

Responses are handled as RFC 9110 says: 206 goes on where `.part` ends, 200 starts it anew, 416 says that it is
complete or too long; 408, 425, 429 and 5xx are asked again, after `Retry-After` (all connections wait) or with exponential
back-off and jitter. A limited number of attempts in a row may bring no new byte. One `Server` serves all workers: its
connections are kept alive, so that a small file costs one round trip.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Event
from urllib.parse import quote

import httpx
from tqdm import tqdm

from esi.download.catalogue import HOSTS
from esi.errors import EsiError
from esi.files import file_hash

AGAIN = {408, 425, 429, 500, 502, 503, 504}
MOST_HOPS = 5
NOTABLE_WAIT_S = 5.0  # longer ones are said
USER_AGENT = "esi-data"
# PhysioNet asks for user name and password only clients that call themselves Wget; others get a plain 403
# (MIT-LCP/physionet-build issue 1434: `curl -u` fails where `wget --user` works).
USER_AGENT_CREDENTIALED = "Wget/1.21 (compatible; esi-data)"


class DownloadError(EsiError):
    """One file cannot be had."""


class AccessError(EsiError):
    """The server refuses access: no other file can be had either."""


class Stopped(Exception):
    """The user ended the download."""


class _AskAgainError(Exception):
    """An attempt failed in a way that may pass; `wait_s` is what the server asked for."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Patience:
    """How long to bear with a server."""

    attempts: int = 8  # in a row without a new byte
    first_wait_s: float = 1.0  # doubles with each attempt, times 0.5 to 1.5 by chance
    longest_wait_s: float = 120.0  # of back-off, and the most of `Retry-After` that is believed
    timeout_s: float = 60.0  # without a byte


class Server:
    """A mirror's folder of one release. Thread-safe.

    `received` is called with the size of each piece that arrives. `stop`, once set, ends every transfer with `Stopped`.
    """

    def __init__(
        self,
        base_url: str,
        credential: tuple[str, str] | None,
        connections: int,
        patience: Patience,
        received: Callable[[int], None],
        stop: Event,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._credentialed = credential is not None
        self._patience = patience
        self._received = received
        self._stop = stop
        self._not_before = 0.0  # monotonic: no worker asks earlier, once the server told one of them to wait
        self._client = httpx.Client(
            auth=httpx.BasicAuth(*credential) if credential else None,
            headers={
                "User-Agent": USER_AGENT_CREDENTIALED if credential else USER_AGENT,
                "Accept-Encoding": "identity",  # a range of a compressed body would be of other bytes
            },
            timeout=patience.timeout_s,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=60),
            follow_redirects=False,  # `_onward` looks at each
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def fetch(self, path: str, target: Path, sha256: str) -> None:
        """Bring one file to `target`, which appears whole and right or not at all. A wrong checksum gets one fresh try."""
        part = target.with_name(target.name + ".part")
        target.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(2):
            self.receive(path, part)
            if file_hash(part) == sha256:
                part.replace(target)
                return
            part.unlink()
        raise DownloadError(f"{path}: its SHA-256 was twice not that of SHA256SUMS.txt: try another --mirror, or later")

    def receive(self, path: str, part: Path) -> None:
        """Bring the bytes of one file to `part`, after those that are there; their content is not checked."""
        best = -1
        failures = 0
        while True:
            have = part.stat().st_size if part.exists() else 0
            if have > best:
                best, failures = have, 0
            self._pause(self._not_before - time.monotonic())
            try:
                self._attempt(f"{self.base_url}/{quote(path)}", part, have)
                return
            except (httpx.TransportError, httpx.TooManyRedirects, _AskAgainError) as error:
                failures += 1
                reason = str(error) if isinstance(error, _AskAgainError) else f"{type(error).__name__} {error}".strip()
                if failures >= self._patience.attempts:
                    raise DownloadError(
                        f"{path}: no new byte in {failures} attempts (last: {reason}); the same command goes on later"
                    ) from None
                asked_s = error.wait_s if isinstance(error, _AskAgainError) else None
                back_off_s = self._patience.first_wait_s * 2 ** (failures - 1) * random.uniform(0.5, 1.5)
                wait_s = min(back_off_s if asked_s is None else asked_s, self._patience.longest_wait_s)
                if wait_s > NOTABLE_WAIT_S:
                    tqdm.write(f"{path}: {reason}; again in {wait_s:.0f} s", file=sys.stderr)
                if asked_s is not None:
                    self._not_before = time.monotonic() + wait_s
                else:
                    self._pause(wait_s)

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(max(seconds, 0)):
            raise Stopped

    def _onward(self, response: httpx.Response) -> str:
        """Where a server sends on to: another place of its own, or a host of the catalogue over https.

        Raises:
            AccessError: it is another.
        """
        here = response.url
        try:
            onward = here.join(response.headers["Location"])
        except httpx.InvalidURL:
            raise AccessError(f"{here} sends on to what is no address: name another --mirror") from None
        own = (onward.scheme, onward.host) == (here.scheme, here.host)
        if onward.userinfo or not (own or (onward.scheme == "https" and onward.host in HOSTS)):
            raise AccessError(
                f"{here} sends on (HTTP {response.status_code}) to {onward.scheme}://{onward.host}, which is not followed: "
                f"only the mirror's own host and, over https, {' and '.join(HOSTS)} are; name another --mirror"
            )
        return str(onward)

    def _attempt(self, url: str, part: Path, have: int, hops: int = 0) -> None:
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self._client.stream("GET", url, headers=headers) as response:
            status = response.status_code
            if response.has_redirect_location and not self._credentialed:  # a password goes to no other address
                if hops == MOST_HOPS:
                    raise AccessError(f"{url} sends on more than {MOST_HOPS} times: name another --mirror")
                return self._attempt(self._onward(response), part, have, hops + 1)
            if status == 416 and have:
                if _total(response) != have:
                    part.unlink()
                    raise _AskAgainError("the server holds fewer bytes than were kept")
                return None
            if status == 206:
                if _start(response) != have:
                    part.unlink(missing_ok=True)
                    raise _AskAgainError("the server sent another range than was asked for")
            elif status != 200:
                self._refuse(response, url)
            with part.open("ab" if status == 206 else "wb") as file:
                for chunk in response.iter_raw():  # a chunk size would hold back, and lose at a drop, what does not fill one
                    if self._stop.is_set():
                        raise Stopped
                    file.write(chunk)
                    self._received(len(chunk))
            total = _total(response)  # of 206; for 200 the HTTP library holds the body to its Content-Length
            if total is not None and part.stat().st_size < total:
                raise _AskAgainError("the server sent a part of what was asked for")
        return None

    def _refuse(self, response: httpx.Response, url: str) -> None:
        status = response.status_code
        if status in AGAIN:
            raise _AskAgainError(f"HTTP {status}", _retry_after(response.headers.get("Retry-After")))
        if status == 401 or status == 403 or response.is_redirect:
            remedy = (
                "check user name and password, and on the release's page that its agreement is signed"
                if self._credentialed
                else "open its page in a browser, or name another --mirror"
            )
            raise AccessError(f"{url} is refused (HTTP {status}): {remedy}")
        raise DownloadError(f"{url} is not to be had (HTTP {status}): check --mirror")


def _start(response: httpx.Response) -> int | None:
    """First byte of a `Content-Range: bytes 5-9/10`."""
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _total(response: httpx.Response) -> int | None:
    """Size of the whole file by `Content-Range: bytes 5-9/10` or `bytes */10`; None where it is not said."""
    match = re.match(r"bytes [\d*-]+/(\d+)$", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _retry_after(value: str | None) -> float | None:
    """Seconds of a `Retry-After`, which holds seconds or a date; None where there is none or it is not understood."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
