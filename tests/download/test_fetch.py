"""One file over a connection that drops, a server that errs: the file is bit-exact, or it is not there."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from pathlib import Path
from threading import Event
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esi.download.fetch import AccessError, DownloadError, Patience, Server, Stopped
from tests.download.mirror import Mirror, basic, serve

CONTENT = random.Random(1).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "r/records500/00000/1 #+%41?.dat"  # an address must quote the name, or it is another file
QUICK = Patience(attempts=4, first_wait_s=0.001, longest_wait_s=0.05, timeout_s=5)


def fetch(mirror: Mirror, target: Path, sha256: str = SHA256, login: tuple[str, str] | None = None) -> int:
    """Fetch NAME; the bytes that arrived."""
    arrived: list[int] = []
    server = Server(mirror.url, login, 2, QUICK, arrived.append, Event())
    try:
        server.fetch(NAME, target, sha256)
    finally:
        server.close()
    return sum(arrived)


def received(part: Path, kept: bytes, wrong_range: bool) -> list[int | None]:
    """Receive NAME after what was kept, unchecked as the file list is; the starts that were asked for."""
    part.write_bytes(kept)
    with serve({NAME: CONTENT}, wrong_range=wrong_range) as mirror:
        server = Server(mirror.url, None, 1, QUICK, lambda size: None, Event())
        server.receive(NAME, part)
        server.close()
        return [request.start for request in mirror.requests]


def test_a_dropped_file_goes_on_where_it_was(tmp_path: Path) -> None:
    target = tmp_path / "a.dat"
    with serve({NAME: CONTENT}, drop_after={NAME: [100_000, 1, 50_000]}) as mirror:
        assert fetch(mirror, target) == len(CONTENT)
        assert target.read_bytes() == CONTENT
        assert [request.start for request in mirror.requests] == [None, 100_000, 100_001, 150_001]
        assert mirror.sent(NAME) == len(CONTENT)  # not one byte came twice
    assert list(tmp_path.iterdir()) == [target]


@settings(max_examples=15, deadline=None)
@given(drops=st.lists(st.integers(0, 120_000), max_size=3), no_range=st.booleans(), kept=st.integers(0, 400_000))
def test_the_file_is_exact_whatever_breaks(
    tmp_path_factory: pytest.TempPathFactory, drops: list[int], no_range: bool, kept: int
) -> None:
    """Drops at any byte, ranges or none, and a `.part` of any length from before: of this file, or beyond its end."""
    target = tmp_path_factory.mktemp("t") / "a.dat"
    target.with_name("a.dat.part").write_bytes((CONTENT + bytes(100_000))[:kept])
    with serve({NAME: CONTENT}, drop_after={NAME: list(drops)}, no_range=no_range) as mirror:
        fetch(mirror, target)
    assert target.read_bytes() == CONTENT


def test_without_ranges_the_file_starts_anew(tmp_path: Path) -> None:
    with serve({NAME: CONTENT}, drop_after={NAME: [100_000]}, no_range=True) as mirror:
        fetch(mirror, tmp_path / "a.dat")
        assert mirror.sent(NAME) == 100_000 + len(CONTENT)
    assert (tmp_path / "a.dat").read_bytes() == CONTENT


def test_a_complete_part_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "a.dat.part").write_bytes(CONTENT)  # killed between the last byte and the renaming
    with serve({NAME: CONTENT}) as mirror:
        assert fetch(mirror, tmp_path / "a.dat") == 0
        assert mirror.sent(NAME) == 0
    assert (tmp_path / "a.dat").read_bytes() == CONTENT


def test_another_range_than_asked_for_is_not_taken(tmp_path: Path) -> None:
    assert received(tmp_path / "a.part", CONTENT[:1000], wrong_range=True) == [1000, None]
    assert (tmp_path / "a.part").read_bytes() == CONTENT


def test_more_bytes_than_the_file_has_are_not_kept(tmp_path: Path) -> None:
    assert received(tmp_path / "a.part", CONTENT + b"!", wrong_range=False) == [len(CONTENT) + 1, None]
    assert (tmp_path / "a.part").read_bytes() == CONTENT


def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    with serve({NAME: b""}) as mirror:
        fetch(mirror, tmp_path / "a.dat", hashlib.sha256(b"").hexdigest())
    assert (tmp_path / "a.dat").read_bytes() == b""


@pytest.mark.parametrize("when", ["0", "Thu, 26 Nov 2020 10:00:00 GMT", "soon"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(tmp_path: Path, status: int, when: str) -> None:
    with serve({NAME: CONTENT}, statuses={NAME: [(status, {"Retry-After": when})] * 3}) as mirror:
        fetch(mirror, tmp_path / "a.dat")
        assert mirror.asked(NAME) == 4
    assert (tmp_path / "a.dat").read_bytes() == CONTENT


def test_retry_after_holds_back_the_other_workers_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve({NAME: CONTENT}, statuses={NAME: [(503, {"Retry-After": "7"})]}) as mirror:
        stop = Event()
        waits: list[float] = []
        monkeypatch.setattr(stop, "wait", lambda seconds: waits.append(seconds))
        server = Server(mirror.url, None, 2, Patience(), lambda size: None, stop)
        server.receive(NAME, tmp_path / "a.part")
        server.receive(NAME, tmp_path / "b.part")  # what another worker would do next
        server.close()
    assert waits[0] == 0
    assert 6 < waits[1] <= 7
    assert 6 < waits[2] <= 7


@pytest.mark.parametrize("faults", [{"statuses": {NAME: [(503, {})] * 9}}, {"drop_after": {NAME: [0] * 9}}])
def test_attempts_without_a_new_byte_are_limited(tmp_path: Path, faults: dict) -> None:
    with serve({NAME: CONTENT}, **faults) as mirror:
        with pytest.raises(DownloadError, match=r"no new byte in 4 attempts .*the same command goes on later"):
            fetch(mirror, tmp_path / "a.dat")
        assert mirror.asked(NAME) == 4


def test_attempts_that_bring_bytes_are_not_limited(tmp_path: Path) -> None:
    with serve({NAME: CONTENT}, drop_after={NAME: [20_000] * 14}) as mirror:
        fetch(mirror, tmp_path / "a.dat")
        assert mirror.asked(NAME) == 15
    assert (tmp_path / "a.dat").read_bytes() == CONTENT


def test_wrong_bytes_are_fetched_anew_once(tmp_path: Path) -> None:
    with serve({NAME: CONTENT}, corrupt=Counter({NAME: 1})) as mirror:
        fetch(mirror, tmp_path / "a.dat")
        assert [request.start for request in mirror.requests] == [None, None]
    assert (tmp_path / "a.dat").read_bytes() == CONTENT


def test_bytes_that_stay_wrong_are_an_error_and_leave_nothing(tmp_path: Path) -> None:
    with serve({NAME: CONTENT}, corrupt=Counter({NAME: 99})) as mirror:
        with pytest.raises(DownloadError, match=r"records500/.*: its SHA-256 was twice not that of SHA256SUMS.txt"):
            fetch(mirror, tmp_path / "a.dat")
        assert mirror.asked(NAME) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_not_asked_for_again(tmp_path: Path) -> None:
    with serve({}) as mirror:
        with pytest.raises(DownloadError, match=r"HTTP 404.*--mirror"):
            fetch(mirror, tmp_path / "a.dat")
        assert mirror.asked(NAME) == 1


def test_user_name_and_password_open_what_is_closed(tmp_path: Path) -> None:
    with serve({NAME: CONTENT}, login=("ada", "p:ß w")) as mirror:
        fetch(mirror, tmp_path / "a.dat", login=("ada", "p:ß w"))
        assert mirror.requests[0].headers["User-Agent"].startswith("Wget/")  # PhysioNet asks no other for a password
        with pytest.raises(AccessError, match=r"HTTP 403.*user name and password") as refusal:
            fetch(mirror, tmp_path / "b.dat", login=("ada", "wrong-one"))
        assert "wrong-one" not in str(refusal.value)
        assert "ada" not in str(refusal.value)
        with pytest.raises(AccessError, match="HTTP 403"):
            fetch(mirror, tmp_path / "c.dat")
        assert mirror.asked(NAME) == 3


def test_a_password_follows_no_redirect(tmp_path: Path) -> None:
    with serve({NAME: CONTENT}) as other, serve({NAME: CONTENT}) as mirror:
        mirror.statuses[NAME] = [(302, {"Location": f"{other.url}/{quote(NAME)}"})] * 2
        with pytest.raises(AccessError, match="HTTP 302"):
            fetch(mirror, tmp_path / "a.dat", login=("ada", "secret"))
        assert other.requests == []
        assert mirror.requests[0].headers["Authorization"] == basic("ada", "secret")
        fetch(mirror, tmp_path / "a.dat")  # without one it does
        assert other.sent(NAME) == len(CONTENT)
    assert (tmp_path / "a.dat").read_bytes() == CONTENT


def test_stop_ends_a_transfer(tmp_path: Path) -> None:
    stop = Event()
    with serve({NAME: CONTENT}) as mirror:
        server = Server(mirror.url, None, 1, QUICK, lambda size: stop.set(), stop)
        with pytest.raises(Stopped):
            server.fetch(NAME, tmp_path / "a.dat", SHA256)
        server.close()
    assert 0 < (tmp_path / "a.dat.part").stat().st_size < len(CONTENT)


def test_a_silent_server_is_left_after_the_time_out(tmp_path: Path) -> None:
    patience = Patience(attempts=2, first_wait_s=0.001, timeout_s=0.2)
    with serve({NAME: CONTENT}, stall_after={NAME: 0}) as mirror:
        server = Server(mirror.url, None, 1, patience, lambda size: None, Event())
        with pytest.raises(DownloadError, match="ReadTimeout"):
            server.fetch(NAME, tmp_path / "a.dat", SHA256)
        server.close()
