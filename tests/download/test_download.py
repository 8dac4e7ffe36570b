"""`esi-data download` as a user meets it: what is fetched, what is not fetched again, what is said."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from esi.download import cli, fetch
from esi.download.verified import Verified
from tests.conftest import ROOT
from tests.download.mirror import Mirror, release, serve

DICE = random.Random(3)
FILES = {
    "LICENSE.txt": b"CC BY",
    "ptbxl_database.csv": b"ecg_id\n1\n",
    **{f"records{rate}/00000/{i:05d}_{kind}.{ext}": DICE.randbytes(size)
       for rate, kind in ((100, "lr"), (500, "hr")) for i in range(6) for ext, size in (("dat", 24 * rate), ("hea", 600))},
}  # fmt: skip
FOLDER = "ptb-xl/1.0.3"
BIG = "records500/00000/00003_hr.dat"


@pytest.fixture
def ptbxl() -> Iterator[Mirror]:
    with serve(release(FOLDER, FILES)) as mirror:
        yield mirror


def run(mirror: Mirror, to: Path, *arguments: str, name: str = "ptbxl") -> None:
    cli.main(["download", name, "--to", str(to), "--mirror", mirror.url, *arguments])


def there(to: Path, folder: str = FOLDER) -> dict[str, bytes]:
    root = to / folder
    found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    found.pop("SHA256SUMS.txt", None)
    return found


def error_of(mirror: Mirror, to: Path, *arguments: str, name: str = "ptbxl") -> str:
    """The sentence that ends the command."""
    with pytest.raises(SystemExit) as ended:
        run(mirror, to, *arguments, name=name)
    assert isinstance(ended.value.code, str)
    assert "\n" not in ended.value.code
    return ended.value.code


def test_a_release_is_fetched_whole_and_once(ptbxl: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(ptbxl, tmp_path)
    assert there(tmp_path) == FILES
    said = capsys.readouterr().out
    assert "0 there and right, 0 there and to be checked, 26 to fetch" in said
    root = tmp_path / FOLDER
    assert f"next: dvc exp run -S ingest.ptbxl.root={root} -S ingest.ptbxl.watch=SHA256SUMS.txt" in said
    assert len({request.connection for request in ptbxl.requests}) <= 5  # kept alive: not one a file

    ptbxl.requests.clear()
    run(ptbxl, tmp_path)
    assert ptbxl.requests == []
    assert "26 files, 26 there and right, 0 there and to be checked, 0 to fetch" in capsys.readouterr().out


def test_the_release_folder_holds_the_release_and_nothing_else(ptbxl: Mirror, tmp_path: Path) -> None:
    run(ptbxl, tmp_path)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    expected = {f"{FOLDER}/{path}" for path in [*FILES, "SHA256SUMS.txt"]}
    assert files == expected | {".esi-download/ptb-xl-1.0.3.sqlite"}


def test_files_from_elsewhere_are_hashed_not_fetched(
    ptbxl: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (BIG, "LICENSE.txt"):
        (tmp_path / FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / FOLDER / path).write_bytes(FILES[path])
    run(ptbxl, tmp_path)
    assert ptbxl.asked(f"{FOLDER}/{BIG}") == 0
    assert "(24 fetched, 0 replaced, 2 checked)" in capsys.readouterr().out


def grow(content: bytes) -> bytes:
    return content + b"!"


def flip(content: bytes) -> bytes:
    return bytes(len(content))


@pytest.mark.parametrize("change", [grow, flip])
def test_a_changed_file_is_replaced(
    ptbxl: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[bytes], bytes]
) -> None:
    """Its size tells, or its time."""
    run(ptbxl, tmp_path)
    ptbxl.requests.clear()
    target = tmp_path / FOLDER / BIG
    before = target.stat().st_mtime_ns
    target.write_bytes(change(FILES[BIG]))
    os.utime(target, ns=(before, before + (change is flip)))
    run(ptbxl, tmp_path)
    assert there(tmp_path) == FILES
    assert [request.path for request in ptbxl.requests] == [f"{FOLDER}/{BIG}"]
    assert "(0 fetched, 1 replaced, 0 checked)" in capsys.readouterr().out


def test_verify_finds_what_size_and_time_hide(ptbxl: Mirror, tmp_path: Path) -> None:
    run(ptbxl, tmp_path)
    target = tmp_path / FOLDER / BIG
    status = target.stat()
    target.write_bytes(bytes(len(FILES[BIG])))  # a rotten disk: same size, same time
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    ptbxl.requests.clear()
    run(ptbxl, tmp_path)
    assert ptbxl.requests == []
    run(ptbxl, tmp_path, "--verify")
    assert [request.path for request in ptbxl.requests] == [f"{FOLDER}/{BIG}"]
    assert there(tmp_path) == FILES


def test_only_a_part(ptbxl: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(ptbxl, tmp_path, "--only", "records100/*", "--only", "*.csv")
    assert there(tmp_path) == {
        path: data for path, data in FILES.items() if path.startswith("records100/") or path.endswith(".csv")
    }
    said = capsys.readouterr().out
    assert f"next: dvc exp run -S ingest.ptbxl.root={tmp_path / FOLDER}\n" in said  # nothing to watch tells a part apart
    run(ptbxl, tmp_path)
    assert there(tmp_path) == FILES
    assert ptbxl.asked(f"{FOLDER}/ptbxl_database.csv") == 1


def test_a_pattern_without_a_file_is_an_error(ptbxl: Mirror, tmp_path: Path) -> None:
    assert "no file that matches *.xyz" in error_of(ptbxl, tmp_path, "--only", "*.xyz")


def test_a_dry_run_fetches_the_list_alone(ptbxl: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(ptbxl, tmp_path, "--dry-run")
    assert [request.path for request in ptbxl.requests] == [f"{FOLDER}/SHA256SUMS.txt"]
    assert there(tmp_path) == {}
    assert "26 to fetch (some 3.2 GB)" in capsys.readouterr().out
    run(ptbxl, tmp_path, "--dry-run", "--only", "*.hea")
    assert "12 files, 0 there and right, 0 there and to be checked, 12 to fetch (of unknown size)" in capsys.readouterr().out
    assert len(ptbxl.requests) == 1


def test_the_part_of_a_shared_release(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"LICENSE.txt": b"l", "training/cpsc_2018/g1/A0001.hea": b"a", "training/georgia/g1/E00001.hea": b"e"}
    with serve(release("challenge-2021/1.0.3", files)) as mirror:
        run(mirror, tmp_path, name="cpsc2018")
        assert set(there(tmp_path, "challenge-2021/1.0.3")) == {"LICENSE.txt", "training/cpsc_2018/g1/A0001.hea"}
        folder = tmp_path / "challenge-2021/1.0.3/training"
        assert f"ingest.icbeb.root={folder}/cpsc_2018" in capsys.readouterr().out
        run(mirror, tmp_path, name="georgia")
        assert there(tmp_path, "challenge-2021/1.0.3") == files
        assert f"root: {folder}/georgia" in capsys.readouterr().out
        assert mirror.asked("challenge-2021/1.0.3/SHA256SUMS.txt") == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_download_goes_on_where_it_was(ptbxl: Mirror, tmp_path: Path, how: signal.Signals) -> None:
    ptbxl.stall_after[f"{FOLDER}/{BIG}"] = 8192
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from esi.download.cli import main; main()"
    )
    command = [sys.executable, "-c", code, "download", "ptbxl", "--to", str(tmp_path)]
    command += ["--mirror", ptbxl.url, "--connections", "1"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    part = tmp_path / FOLDER / f"{BIG}.part"
    try:
        assert ptbxl.stalled.wait(30)
        while process.poll() is None and not (part.exists() and part.stat().st_size):
            time.sleep(0.01)
        process.send_signal(how)
        _, said = process.communicate(timeout=10)  # while a worker still waits for the server
    finally:
        process.kill()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert said.endswith("\nesi-data: stopped; the same command goes on from here\n")
        assert "Traceback" not in said
    ptbxl.go_on.set()
    kept = part.stat().st_size
    assert 0 < kept <= 8192
    assert not (tmp_path / FOLDER / BIG).exists()
    before = set(there(tmp_path)) - {f"{BIG}.part"}
    assert before
    ptbxl.requests.clear()
    run(ptbxl, tmp_path)
    assert there(tmp_path) == FILES
    asked = {request.path.removeprefix(f"{FOLDER}/"): request.start for request in ptbxl.requests}
    assert asked[BIG] == kept
    assert ptbxl.sent(f"{FOLDER}/{BIG}") == len(FILES[BIG]) - kept
    assert not before & set(asked)  # what was whole is hashed, not fetched


def test_the_list_is_taken_up_where_it_broke(ptbxl: Mirror, tmp_path: Path) -> None:
    ptbxl.drop_after[f"{FOLDER}/SHA256SUMS.txt"] = [500]
    run(ptbxl, tmp_path, "--dry-run")
    assert [request.start for request in ptbxl.requests] == [None, 500]


@pytest.mark.parametrize("name", ["../../stolen.dat", "/tmp/stolen.dat"])
def test_a_list_that_leads_out_is_refused_before_any_file(tmp_path: Path, name: str) -> None:
    with serve(release(FOLDER, {"a.dat": b"a", name: b"evil"})) as mirror:
        said = error_of(mirror, tmp_path / "to")
        assert "leads out of the release's folder" in said
        assert [request.path for request in mirror.requests] == [f"{FOLDER}/SHA256SUMS.txt"]
    assert not list(tmp_path.rglob("*stolen*"))
    assert not list((tmp_path / "to" / FOLDER).iterdir())  # another mirror's list is not appended to this one


def test_failed_files_are_named_and_the_others_come(ptbxl: Mirror, tmp_path: Path) -> None:
    ptbxl.corrupt = Counter({f"{FOLDER}/{BIG}": 99})
    said = error_of(ptbxl, tmp_path)
    assert said.startswith(f"esi-data: 1 of 26 files failed, the same command tries them again: {BIG}: its SHA-256")
    assert there(tmp_path) == {path: data for path, data in FILES.items() if path != BIG}
    ptbxl.corrupt.clear()
    run(ptbxl, tmp_path)
    assert there(tmp_path) == FILES


def test_a_mirror_without_the_files_is_given_up_soon(ptbxl: Mirror, tmp_path: Path) -> None:
    for path in FILES:
        del ptbxl.files[f"{FOLDER}/{path}"]
    assert "10 files failed, the rest is left" in error_of(ptbxl, tmp_path)
    assert len(ptbxl.requests) < 1 + len(FILES)


def test_a_full_disk_is_one_sentence(ptbxl: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetch.Server, "receive", full)
    assert "No space left on device" in error_of(ptbxl, tmp_path)


def test_too_small_a_disk_is_told_before_the_start(ptbxl: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10**9}))
    said = error_of(ptbxl, tmp_path)
    assert "ptbxl needs some 3.4 GB more and 1 GB are free" in said
    assert there(tmp_path) == {}
    run(ptbxl, tmp_path, "--only", "*.hea")  # of unknown size: tried


def test_two_at_once_are_refused(ptbxl: Mirror, tmp_path: Path) -> None:
    with Verified(tmp_path / ".esi-download" / "ptb-xl-1.0.3.sqlite"):
        assert "another esi-data downloads this release" in error_of(ptbxl, tmp_path)


def test_a_broken_record_is_one_sentence(ptbxl: Mirror, tmp_path: Path) -> None:
    (tmp_path / ".esi-download").mkdir()
    (tmp_path / ".esi-download" / "ptb-xl-1.0.3.sqlite").write_bytes(b"no database" * 200)
    assert "delete it" in error_of(ptbxl, tmp_path)


def sent_on(tmp_path: Path, location: str) -> str:
    """What a user reads where the mirror sends one file on to a location."""
    with serve(release("ptb-xl/1.0.3", {"a.txt": b"a"})) as mirror:
        mirror.statuses["ptb-xl/1.0.3/a.txt"] = [(302, {"Location": location.format(mirror.url)})]
        try:
            cli.main(["download", "ptbxl", "--to", str(tmp_path), "--mirror", mirror.url, "--only", "a.txt"])
        except SystemExit as ended:
            return str(ended.code)
    return ""


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2/a",
        "https://10.0.0.1/a",
        "http://physionet.org/a",
        "https://physionet.org.example.org/a",
        "//example.org/a",
    ],
)
def test_a_redirect_to_another_host_is_not_followed(tmp_path: Path, location: str) -> None:
    assert "which is not followed: only the mirror's own host" in sent_on(tmp_path, location)
    assert not (tmp_path / "ptb-xl/1.0.3/a.txt").exists()


@pytest.mark.parametrize("location", ["{}/ptb-xl/1.0.3/a.txt", "a.txt"])
def test_a_redirect_within_the_mirror_is(tmp_path: Path, location: str) -> None:
    assert sent_on(tmp_path, location) == ""
    assert (tmp_path / "ptb-xl/1.0.3/a.txt").read_bytes() == b"a"


@pytest.mark.parametrize("link", ["records100", "records100/1.dat", "records100/1.dat.part", "SHA256SUMS.txt.part"])
def test_no_link_leads_out_of_the_target(tmp_path: Path, link: str) -> None:
    root, outside = tmp_path / "to/ptb-xl/1.0.3", tmp_path / "outside"
    (root / link).parent.mkdir(parents=True)
    outside.mkdir()
    (root / link).symlink_to(outside if link == "records100" else outside / "file")
    with serve(release("ptb-xl/1.0.3", {"records100/1.dat": b"a"})) as mirror, pytest.raises(SystemExit, match="is a link"):
        cli.main(["download", "ptbxl", "--to", str(tmp_path / "to"), "--mirror", mirror.url])
    assert list(outside.iterdir()) == []


def test_the_list_is_held_to_its_first_digest_or_the_given_one(tmp_path: Path) -> None:
    with serve(release("ptb-xl/1.0.3", {"a.txt": b"a"})) as mirror:
        command = ["download", "ptbxl", "--to", str(tmp_path), "--mirror", mirror.url]
        with pytest.raises(SystemExit, match="its SHA-256 is .*, not 00ff as known, and it was removed"):
            cli.main([*command, "--sums-digest", "00FF"])
        assert not (tmp_path / "ptb-xl/1.0.3/a.txt").exists()
        digest = hashlib.sha256(mirror.files["ptb-xl/1.0.3/SHA256SUMS.txt"]).hexdigest()
        cli.main([*command, "--sums-digest", digest])
        mirror.files |= release("ptb-xl/1.0.3", {"a.txt": b"changed"})
        (tmp_path / "ptb-xl/1.0.3/SHA256SUMS.txt").unlink()
        with pytest.raises(SystemExit, match="as at the first download, and it was removed"):
            cli.main(command)
    assert (tmp_path / "ptb-xl/1.0.3/a.txt").read_bytes() == b"a"
