"""The list of files: both ways to write it, what is selected, and what no mirror may name."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from esi.download.listing import Entry, ListingError, parse, select

DIGEST = "0f" * 32


def listed(folder: Path, *paths: str, between: str = " ") -> Path:
    path = folder / "SHA256SUMS.txt"
    path.write_text("".join(f"{DIGEST}{between}{name}\n" for name in paths))
    return path


@pytest.mark.parametrize("between", [" ", "  ", " *", "\t"])
def test_physionets_way_and_sha256sums(tmp_path: Path, between: str) -> None:
    path = listed(tmp_path, "a b/c.dat", "./d.csv", between=between)
    assert list(select(path, ("*",))) == [Entry("a b/c.dat", DIGEST), Entry("d.csv", DIGEST)]


def test_windows_line_ends_empty_lines_and_upper_case(tmp_path: Path) -> None:
    path = tmp_path / "SHA256SUMS.txt"
    path.write_bytes(f"{DIGEST.upper()}  a\r\n\r\n{DIGEST} ä\r\n".encode())
    assert list(select(path, ("*",))) == [Entry("a", DIGEST), Entry("ä", DIGEST)]


def test_only_narrows_what_the_set_includes(tmp_path: Path) -> None:
    paths = ["LICENSE.txt", "training/cpsc_2018/g1/A0001.hea", "training/cpsc_2018/g1/A0001.mat", "training/ptb/g1/S1.hea"]
    path = listed(tmp_path, *paths)
    include = ("training/cpsc_2018/*", "LICENSE.txt")
    assert [entry.path for entry in select(path, include)] == paths[:3]
    assert [entry.path for entry in select(path, include, ["*.hea"])] == paths[1:2]
    assert [entry.path for entry in select(path, include, ["*.hea", "*.txt"])] == paths[:2]
    assert len(select(path, include, ["training/ptb/*"])) == 0


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/passwd", "..", "a/..", "C:/x", "..\\x", "a\\..\\x", "a/\x00b", ".", "a\x1b[2J", "./../x"],
)
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    path = listed(tmp_path, "good.dat", name)
    with pytest.raises(ListingError, match=r"line 2 of .*SHA256SUMS.txt names .*leads out of the release's folder"):
        select(path, ("good.dat",))  # although it is not even wanted


@pytest.mark.parametrize("line", ["<html>", "abc file", DIGEST, f"{DIGEST[:-1]}g file", f"{DIGEST} "])
def test_what_is_no_list_is_said_to_be_none(line: str) -> None:
    with pytest.raises(ListingError, match=r"line 1 is .*, not '<sha256> <path>'"):
        parse(line.encode() + b"\n", "line 1")


def test_memory_is_a_few_bytes_a_file(tmp_path: Path) -> None:
    files = 20_000
    path = listed(tmp_path, *(f"files/p1000/p10000032/s{number:08d}/{number:08d}.dat" for number in range(files)))
    tracemalloc.start()
    selection = select(path, ("*",))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(selection) == files
    assert kept < 12 * files  # 1.6 million files: below 20 MB, where their paths as strings take 170
