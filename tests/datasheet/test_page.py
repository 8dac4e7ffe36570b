"""What the datasheet says: of simulated data, of sets that nobody described, and of what is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from esi import params
from esi.datasheet.releases import origin_of, read_releases
from esi.datasheet.write import write_datasheet
from esi.errors import EsiError
from esi.files import write_json
from esi.settings.data import Ingest
from tests.conftest import ROOT
from tests.datasheet.written import challenge_at, ptbxl_at, settings_with, write_set

RELEASES = ROOT / "data" / "datasheet" / "releases.toml"
PICTURES = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
FULL: list[dict[str, Any]] = [
    {"age": 30.0 + number, "sex": ("female", "male", None)[number % 3], "codes": ["SR"] * (number % 2) + ["NORM"]}
    for number in range(12)
] + [{"split": "test", "codes": ["AFIB"]}]


def sheet(folder: Path, ingest: dict[str, Ingest], simulated: Path = Path("nowhere")) -> tuple[str, dict[str, Any]]:
    """The page and the metrics of data sets whose tables lie in `folder`."""
    out = folder / "out"
    out.mkdir(exist_ok=True)
    numbers = write_datasheet(settings_with(ingest, simulated), folder, RELEASES, out)
    return (out / "README.md").read_text(), numbers


def test_simulated_data_are_never_called_by_the_name_of_the_release(tmp_path: Path) -> None:
    write_set(tmp_path / "ptbxl", FULL)
    page, numbers = sheet(tmp_path, {"ptbxl": ptbxl_at(tmp_path / "simulated" / "ptbxl")}, tmp_path / "simulated")
    assert numbers["ptbxl"]["simulated"] is True
    assert "Simulated data: All data sets" in page
    assert "| **simulated**, in the layout of PTB-XL 1.0.3 |" in page
    assert page.count("PTB-XL") == 1
    for fact_of_the_release in ("Wagner", "Schiller", "CC BY", "21,799"):
        assert fact_of_the_release not in page


def test_a_public_release_is_described_by_its_facts(tmp_path: Path) -> None:
    write_set(tmp_path / "mine", FULL)
    page, numbers = sheet(tmp_path, {"mine": ptbxl_at(tmp_path / "ptb-xl")}, tmp_path / "simulated")
    assert numbers["mine"]["simulated"] is False
    assert "imulated" not in page
    for section in (
        "Motivation",
        "Composition",
        "Collection process",
        "Preprocessing",
        "Uses",
        "Distribution",
        "Maintenance",
    ):
        assert re.search(rf"^## {section}", page, re.MULTILINE), section
    for fact in ("PTB-XL 1.0.3", "21,799", "18HLT07", "Schiller", "CC BY 4.0", "10.13026/kfzx-aw45"):
        assert fact in page


def test_a_set_that_nobody_described_says_how_to_describe_it(tmp_path: Path) -> None:
    write_set(tmp_path / "clinic", FULL)
    page, _ = sheet(tmp_path, {"clinic": challenge_at(tmp_path / "clinic-ecgs")})
    assert "**`clinic` is not described.**" in page
    assert 'Add a `[[release]]` with `sets = ["clinic"]` to `data/datasheet/releases.toml`' in page


@pytest.mark.parametrize(
    ("rows", "absent"),
    [
        ([{"age": None, "sex": None}] * 3, {"ages.png", "labels.png"}),
        ([{"codes": ["NORM"]}], set()),
        ([{"wander_uv": None, "mains_uv": None, "muscle_uv": None, "split": "unused"}], {"quality.png", "labels.png"}),
        ([{"age": None, "mains_uv": None, "statements": ["a | b"]}], {"ages.png"}),
    ],
    ids=["no ages", "one record", "no quality", "statements only"],
)
def test_what_is_missing_is_said_in_words(tmp_path: Path, rows: list[dict[str, Any]], absent: set[str]) -> None:
    write_set(tmp_path / "mine", rows)
    page, numbers = sheet(tmp_path, {"mine": challenge_at(tmp_path / "ecgs")})
    assert not re.search(r"\b(nan|None|null|inf)\b", page)
    linked = set(PICTURES.findall(page))
    assert linked == {"splits.png", "ages.png", "labels.png", "quality.png"} - absent
    assert {path.name for path in (tmp_path / "out").iterdir()} == linked | {"README.md", "labels.csv"}
    assert "No ECG was refused." in page
    write_json(tmp_path / "metrics.json", numbers)  # refuses NaN
    assert all(isinstance(value, int | float) for value in numbers["mine"].values())


def test_unknown_ages_are_dashes_and_counted(tmp_path: Path) -> None:
    write_set(tmp_path / "mine", [{"age": None}, {"age": None, "sex": None}])
    page, _ = sheet(tmp_path, {"mine": challenge_at(tmp_path / "ecgs")})
    assert "| `mine` | all (train) | 2 | 2 | – | – | 2 (100.0 %) | 1 (50.0 %) | 0 | 1 (50.0 %) |" in page


def test_every_table_has_as_many_cells_in_each_row(tmp_path: Path) -> None:
    write_set(tmp_path / "one", [*FULL, {"statements": ["flat | wide"]}], [("a|b", "flat")])
    write_set(tmp_path / "two", [{"statements": ["flat | wide"]}])
    page, _ = sheet(tmp_path, {"one": ptbxl_at(tmp_path), "two": challenge_at(tmp_path)})
    tables = re.findall(r"(?:^\|.*\n?)+", page, re.MULTILINE)
    assert len(tables) >= 8
    for table in tables:
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table.strip().split("\n")}
        assert len(cells) == 1, table


def test_quarantine_names_records_but_no_path(tmp_path: Path) -> None:
    write_set(tmp_path / "mine", [{}], [("A17", "flat")])
    page, _ = sheet(tmp_path, {"mine": challenge_at(tmp_path / "ecgs")})
    assert "| `mine` | flat | `A17` | 1 |" in page
    assert "/home" not in page
    assert str(tmp_path) not in page


def test_leaks_are_said_loudly(tmp_path: Path) -> None:
    leaking = [
        {"subject_id": "a"},
        {"subject_id": "a", "split": "test"},
        {"signal_hash": "x"},
        {"signal_hash": "x", "split": "test"},
    ]
    write_set(tmp_path / "one", leaking)
    write_set(tmp_path / "two", [{"signal_hash": "x"}])
    page, numbers = sheet(tmp_path, {"one": challenge_at(tmp_path), "two": challenge_at(tmp_path)})
    assert "Leak: subjects of `one`" in page
    assert "The same signal is in more than one split of `one`" in page
    assert "1 in `one` and `two`" in page
    assert numbers["between_sets"] == {"shared_signals": 1, "shared_signals_one_two": 1}


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    write_set(tmp_path / "one", FULL, [("a", "flat"), ("b", "clipped")])
    write_set(tmp_path / "two", FULL[::-1])
    ingest = {"one": ptbxl_at(tmp_path), "two": challenge_at(tmp_path)}
    runs = []
    for _ in range(2):
        _, numbers = sheet(tmp_path, ingest)
        contents = {path.name: path.read_bytes() for path in sorted((tmp_path / "out").iterdir())}
        runs.append((json.dumps(numbers), contents))
    assert runs[0] == runs[1]
    pictures = [content for name, content in runs[0][1].items() if name.endswith(".png")]
    assert len(pictures) == 4
    for content in pictures:
        assert content.startswith(b"\x89PNG")
        assert b"Software" not in content
        assert b"tIME" not in content


def test_the_default_data_sets_are_all_described() -> None:
    settings = params.load(ROOT / "params.yaml")
    releases = read_releases(RELEASES)
    for name, release in settings.ingest.items():
        layout = origin_of(name, release, settings.simulate.folder, releases)
        elsewhere = origin_of(
            name, release.model_copy(update={"root": Path("/data/ecgs")}), settings.simulate.folder, releases
        )
        assert elsewhere.facts is not None, name
        assert not elsewhere.simulated
        if layout.simulated:
            assert layout.layout == elsewhere.facts.name
            assert layout.facts == releases.simulated


def test_a_folder_beside_the_simulation_is_not_simulated(tmp_path: Path) -> None:
    releases = read_releases(RELEASES)
    simulated = tmp_path / "simulated"
    assert origin_of("x", ptbxl_at(simulated / ".." / "simulated" / "deep" / "x"), simulated, releases).simulated
    assert not origin_of("x", ptbxl_at(tmp_path / "simulated-not"), simulated, releases).simulated
    assert not origin_of("x", ptbxl_at(simulated / ".." / "real"), simulated, releases).simulated


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("licence = ", "license = ", r"releases.toml: simulated.licence: Field required"),
        ("[simulated]", "[simulated", r"releases.toml: "),
    ],
)
def test_a_wrong_table_of_releases_is_a_sentence(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "releases.toml"
    path.write_text(RELEASES.read_text().replace(old, new))
    with pytest.raises(EsiError, match=message):
        read_releases(path)
    with pytest.raises(EsiError, match="missing"):
        read_releases(tmp_path / "none.toml")
