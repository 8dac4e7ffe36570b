from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from esi.ecg.statements.folding import count_statements, fold, unmapped, write_folding, write_unmapped
from esi.files import write_table
from stages import statements as stage
from tests.conftest import ROOT

COUNTED = [
    ("mimic", "Sinus rhythm", 3),
    ("ptbxl", "sinus rhythm.", 2),
    ("mimic", "LVH", 1),
    ("mimic", "**", 9),
    ("mimic", "Possible atrial flutter with PVC(s)", 2),
    ("mimic", "Borderline ECG, or so", 4),
    ("mimic", "Lead(s) unsuitable for analysis: V1", 1),
    ("mimic", "Lead(s) unsuitable for analysis: V2", 1),
]


def test_rows_of_the_table() -> None:
    rows = [each.row for each in fold(COUNTED)]
    assert [(row["statement"], row["kind"], row["count"], row["sources"]) for row in rows] == [
        ("sinus rhythm", "finding", 5, ["mimic", "ptbxl"]),
        ("borderline ECG, or so", "finding", 4, ["mimic"]),
        ("leads unsuitable for analysis", "quality", 2, ["mimic"]),
        ("possible atrial flutter with ventricular premature complexes", "finding", 2, ["mimic"]),
        ("left ventricular hypertrophy", "finding", 1, ["mimic"]),
    ]
    assert rows[0]["wordings"] == ["Sinus rhythm", "sinus rhythm."]
    assert [rows[3][name] for name in ("concepts", "probable", "possible")] == [
        ["ventricular_premature_complexes"],
        [],
        ["atrial_flutter"],
    ]
    assert fold(reversed(COUNTED)) == fold(COUNTED)


def test_figures_add_up() -> None:
    content = count_statements(fold(COUNTED))
    assert content == {
        "wordings": 7,
        "distinct": 5,
        "finding": 4,
        "remark": 0,
        "quality": 1,
        "administrative": 0,
        "mapped": 3,
        "mapped_definite": 3,
        "unmapped": 1,
        "mapped_count": 8,
        "unmapped_count": 4,
        "mimic_finding": 4,
        "mimic_unmapped": 1,
        "ptbxl_finding": 1,
        "ptbxl_unmapped": 0,
    }


def test_listings(tmp_path: Path) -> None:
    statements = fold(COUNTED)
    write_folding(tmp_path / "folding.csv", statements)
    write_unmapped(tmp_path / "unmapped.csv", statements)
    with (tmp_path / "folding.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["wordings"] == "Sinus rhythm | sinus rhythm."
    assert rows[3]["concepts"] == "atrial_flutter?? ventricular_premature_complexes"
    assert (tmp_path / "unmapped.csv").read_text() == 'statement,count\n"borderline ECG, or so",4\n'
    assert [each.statement for each in unmapped(statements)] == ["borderline ECG, or so"]


def test_the_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sets, one record without statements; a run twice gives the same bytes."""
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    for name, each in (("ptbxl", ["sinus rhythm", "LVH"]), ("chapman", []), ("mimic", ["Sinus rhythm."]), ("icbeb", ["?"])):
        lists = pa.array([each, []], pa.list_(pa.string()))
        write_table(tmp_path / f"data/ecg/{name}/part-00000.parquet", pa.table({"dataset": [name] * 2, "statements": lists}))
    monkeypatch.chdir(tmp_path)
    stage.main()
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    stage.main()
    assert first == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    table = pq.read_table("data/statements.parquet")
    assert table.schema.names[:3] == ["statement", "kind", "count"]
    assert table.to_pylist()[0]["count"] == 2
    assert json.loads(Path("metrics/statements.json").read_text())["distinct"] == table.num_rows
    assert Path("metrics/statements/folding.csv").exists()
    assert Path("metrics/statements/unmapped.csv").exists()


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "esi.ecg.statements", *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )


def test_the_command_shows_the_folding_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("Sinus rhythm\nSINUS RHYTHM.\n\nOdd new finding\n")
    done = _command(
        str(tmp_path / "own.txt"), "--csv", str(tmp_path / "out.csv"), "--unmapped", str(tmp_path / "missed.csv")
    )
    assert done.returncode == 0, done.stderr
    shown = dict(line.split() for line in done.stdout.splitlines())
    assert (shown["wordings"], shown["distinct"], shown["mapped"], shown["unmapped"]) == ("3", "2", "1", "1")
    assert "Sinus rhythm" in (tmp_path / "out.csv").read_text()
    assert (tmp_path / "missed.csv").read_text() == "statement,count\nodd new finding,1\n"


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    done = _command(str(tmp_path / "none.txt"))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "none.txt cannot be read (No such file or directory): name a text file" in done.stderr
