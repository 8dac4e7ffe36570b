"""A set's own map of labels, as docs/your-own-data.md shows it, through the stages; what is unmapped is said or refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML

from esi.ecg.concepts import read_concepts
from esi.ecg.entries import ReleaseError
from esi.ecg.readers.label_map import read_label_map
from esi.ecg.releases import check_release, list_entries
from esi.ecg.statements.folding import fold
from esi.ecg.statements.share import refuse_foreign, unmapped_share
from esi.ecg.statements.wording import normalise
from esi.ecg.vocabulary import vocabulary
from esi.errors import EsiError
from esi.settings.data import Ingest
from stages import ingest as ingest_stage
from stages import statements as statements_stage
from tests.conftest import ROOT
from tests.ecg.test_ingest import write_record
from tests.ecg.test_readers_wfdb_folder import PAGE

GERMAN = [
    "Vorhofflimmern; LSB",
    "Z.n. Vorderwandinfarkt.",
    "Sinusrhythmus. Linkslagetyp; technisch  einwandfrei",
    "Brugada Typ 1",
]


def documented(first_line: str) -> str:
    blocks = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if block.startswith(first_line)]
    return str(found)


def hospital(folder: Path, labels: list[str], **others: Any) -> dict[str, Any]:
    """The set of a hospital with these labels, as params.yaml has it."""
    (folder / "tables").mkdir(parents=True)
    for number in range(len(labels)):
        write_record(folder, f"r{number}")
    rows = [f'../r{number},"{label}"' for number, label in enumerate(labels)]
    (folder / "tables/labels.csv").write_text("\n".join(["file,findings", *rows]) + "\n", encoding="utf-8")
    return {
        "format": "wfdb-folder", "root": str(folder), "watch": "tables", "table": "tables/labels.csv", "windows": "first",
        "columns": {"record": "file", "labels": "findings"}, "separator": ";", "labels_are": "text",
        "folds": {"train": [1, 2, 3, 4, 5, 6, 7, 8], "validation": [9], "test": [10]},
    } | others  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stages run in, whose one set is `hospital`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_stages(project: Path, settings: dict[str, Any]) -> pl.DataFrame:
    """Ingest the set and collect its statements: data/statements.parquet."""
    params = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    params["ingest"]["hospital"] = settings
    params["statements"]["sets"] = ["hospital"]
    with (project / "params.yaml").open("w") as file:
        YAML(typ="safe").dump(params, file)
    ingest_stage.main("hospital")
    statements_stage.main()
    return pl.read_parquet(project / "data/statements.parquet")


def test_the_documented_map(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    others = YAML(typ="safe").load(documented("    watch"))
    settings = hospital(project / "raw", GERMAN, **others)
    (project / "raw" / others["label_map"]).write_text(documented("label,"), encoding="utf-8")
    found = {row["statement"]: row for row in run_stages(project, settings).iter_rows(named=True)}
    assert {name: row["concepts"] for name, row in found.items()} == {
        "atrial fibrillation": ["atrial_fibrillation"],
        "left bundle branch block": ["left_bundle_branch_block"],
        "old anterior myocardial infarction": ["anterior_myocardial_infarction", "old_myocardial_infarction"],
        "sinus rhythm": ["sinus_rhythm"],
        "left axis deviation": ["left_axis_deviation"],
        "Brugada pattern type 1": vocabulary_of("Brugada pattern type 1"),
    }
    rows = pl.read_parquet("data/ecg/hospital/part-00000.parquet").sort("record_id")
    assert rows["codes"].to_list()[0] == ["Vorhofflimmern", "LSB"]
    assert "of the set's own map are in no record" not in capsys.readouterr().err


def vocabulary_of(text: str) -> list[str]:
    return [claim.concept for claim in vocabulary().claims("statement", normalise(text)) if claim.certainty == "definite"]


def test_without_a_map_another_language_is_refused(project: Path) -> None:
    words = (
        r"not one of the 6 findings of hospital says a concept of data/vocabulary, the commonest: .*'vorhofflimmern' \(1\).*"
        r"set ingest.hospital.label_map to it"
    )
    with pytest.raises(EsiError, match=words):
        run_stages(project, hospital(project / "raw", GERMAN))


def test_what_is_unmapped_is_said_with_its_share(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ["Sinus rhythm", "Vorhofflimmern", "sinus rhythm. LVH", "Vorhofflimmern", "", "lost"]
    settings = hospital(project / "raw", labels)
    (project / "raw/r5.hea").unlink()
    statements = run_stages(project, settings)
    assert sorted(statements["statement"]) == ["left ventricular hypertrophy", "sinus rhythm", "vorhofflimmern"]
    said = capsys.readouterr().err
    assert "statements: hospital: 1 of 3 findings (2 of 5 labels, 40.0%) say no concept" in said
    assert "the commonest: 'vorhofflimmern' (2)" in said
    assert "ingest hospital: 1 of 5 ECGs (20.0%) have no statement" in said
    assert "ingest hospital: 1 ECGs cannot be used, beside 5 that can" in said
    assert "\n  1 missing file, first r5: r5.hea: cannot be read: No such file or directory\n" in said


def test_a_set_with_a_map_may_say_what_the_vocabulary_does_not_have() -> None:
    foreign = fold([("hospital", "a pattern of our own", 3)])
    refuse_foreign("hospital", foreign, has_map=True)
    with pytest.raises(EsiError, match="not one of the 1 findings of hospital"):
        refuse_foreign("hospital", foreign, has_map=False)
    assert unmapped_share(foreign).startswith("1 of 1 findings (3 of 3 labels, 100.0%)")
    only_quality = fold([("hospital", "baseline wander", 3)])
    refuse_foreign("hospital", only_quality, has_map=False)
    assert unmapped_share(only_quality) == ""


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("label,concept\nVHF,atrial_fibrilation\n", "row 1 below the header: concept 'atrial_fibrilation' is not in .*; the "
         "nearest are atrial_fibrillation.*: write one of that table, or the finding in your own words as a statement"),
        ("label,concept\nVHF,Vorhofflimmern und mehr\n", "concept 'Vorhofflimmern und mehr' is not in"),
        ("label,concept,statement\nVHF,sinus_rhythm,x\n", "row 1 below the header gives both a concept and a statement for"),
        ("label,concept\n,sinus_rhythm\n", "row 1 below the header has no label"),
        ("label,concept\nVHF,sinus_rhythm,x\n", "row 1 below the header has 3 cells, not 2"),
        ("label\nVHF\n", "has neither a column concept nor a column statement"),
        ("name,concept\nVHF,sinus_rhythm\n", r"columns \['label'\] are missing"),
        (None, r"meaning.csv is missing \(the set's own map of labels\)"),
    ],
)  # fmt: skip
def test_a_map_that_cannot_be_understood_is_one_sentence(tmp_path: Path, rows: str | None, words: str) -> None:
    settings = TypeAdapter(Ingest).validate_python(hospital(tmp_path / "raw", ["x"], label_map="tables/meaning.csv"))
    if rows is not None:
        (tmp_path / "raw/tables/meaning.csv").write_text(rows)
    with pytest.raises(ReleaseError, match=words):
        check_release(settings)


def test_a_map_that_dvc_does_not_see_is_refused(tmp_path: Path) -> None:
    given = hospital(tmp_path / "raw", ["x"])
    for label_map, watch in (("meaning.csv", "tables"), ("../meaning.csv", "."), ("tables/m.csv", "tables/labels.csv")):
        with pytest.raises(ValidationError, match="so that DVC would not see its edits"):
            TypeAdapter(Ingest).validate_python(given | {"label_map": label_map, "watch": watch})
    for watch in (".", "tables", "tables/m.csv"):
        TypeAdapter(Ingest).validate_python(given | {"label_map": "tables/m.csv", "watch": watch})


@pytest.mark.parametrize("labels_are", ["scp", "snomed"])
def test_codes_that_the_tables_do_not_have_can_be_mapped(
    tmp_path: Path, labels_are: str, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {"scp": "norm", "snomed": "426783006.0"}[labels_are]
    given = hospital(tmp_path, [f"{known};X17", "x17 "], labels_are=labels_are, label_map="tables/m.csv")
    (tmp_path / "tables/m.csv").write_text(f"label,statement\n{known},our normal\nX17,Our own\nX17,and more\nX18,never\n")
    entries = list_entries(TypeAdapter(Ingest).validate_python(given))
    assert entries["statements"].to_list() == [["our normal", "Our own", "and more"], ["Our own", "and more"]]
    said = capsys.readouterr().err
    assert "1 of 3 labels of the set's own map are in no record: X18" in said
    assert "give no statement" not in said


def test_a_public_release_can_have_one(tmp_path: Path) -> None:
    write_record(tmp_path, "r")
    (tmp_path / "meaning.csv").write_text("label;concept\r426783006;Atrial Fibrillation\r")
    given = {"format": "challenge", "root": tmp_path, "watch": ".", "windows": "first", "label_map": "meaning.csv"}
    given["folds"] = {"train": [1], "validation": [], "test": []}
    assert list_entries(TypeAdapter(Ingest).validate_python(given))["statements"].to_list() == [["atrial fibrillation"]]


def test_the_name_of_every_concept_says_it() -> None:
    for concept in read_concepts().values():
        assert vocabulary_of(concept.name) == [concept.slug]


def test_a_label_is_found_however_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("label,statement\n LSB  komplett. ,x\n")
    assert dict(read_label_map(tmp_path / "m.csv")) == {"LSB  komplett.": ["x"]}
