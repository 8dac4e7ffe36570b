"""The three stages on a small book: same bytes twice, and an edited entry changes its own descriptions only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import esi.cqa.write.describe
import stages.chunk
import stages.describe
import stages.embed
from esi.cqa.sentences import content_words
from esi.cqa.write.description import SCHEMA
from esi.errors import EsiError
from esi.files import file_hash, write_table
from tests.cqa.fake_openai import completion, fake_openai

ROOT = Path(__file__).parents[2]
BOOK = """# Book
## Atrial fibrillation
### Definition
Atrial fibrillation (AF, AFIB) is a rhythm without P waves.
### ECG criteria
Atrial fibrillation has irregular RR intervals. P waves are absent in V1.
## Left bundle branch block
### ECG criteria
Left bundle branch block has a QRS complex of 120 ms. V6 shows a broad R wave.
"""
OUTS = [
    "data/descriptions.parquet",
    "data/provenance.parquet",
    "metrics/describe.json",
    "metrics/describe/retrieval.csv",
    "metrics/describe/retrieval.png",
]


def bag_of_words(texts: Sequence[str]) -> np.ndarray:
    """A quick stand-in for the sentence encoder: hashed words."""
    vectors = np.full((len(texts), 64), 0.01, np.float32)
    for row, text in enumerate(texts):
        for word in content_words(text):
            vectors[row, sum(word.encode()) % 64] += 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stages.embed, "encoder_of", lambda settings: bag_of_words)
    monkeypatch.setattr(esi.cqa.write.describe, "encoder_of", lambda settings: bag_of_words)
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "data" / "textbooks").mkdir(parents=True)
    (tmp_path / "data" / "textbooks" / "book.md").write_text(BOOK)
    rows = [
        {"statement": "AFIB", "kind": "finding", "count": 5, "sources": ["ptbxl"]},
        {"statement": "left bundle branch block", "kind": "finding", "count": 9, "sources": ["mimic"]},
        {"statement": "lead(s) unsuitable for analysis", "kind": "quality", "count": 99, "sources": ["mimic"]},
        {"statement": "unconfirmed", "kind": "administrative", "count": 99, "sources": ["mimic"]},
    ]
    write_table("data/statements.parquet", pa.Table.from_pylist(rows))
    return tmp_path


def run() -> dict[str, dict]:
    for stage in (stages.chunk, stages.embed, stages.describe):
        stage.main()
    return {row["statement"]: row for row in pq.read_table("data/descriptions.parquet").to_pylist()}


def test_findings_are_described_and_nothing_else(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = run()
    assert "describe: 2 new, 0 from the cache" in capsys.readouterr().err
    assert list(rows) == ["left bundle branch block", "AFIB"]
    assert pq.read_schema("data/descriptions.parquet").equals(SCHEMA)
    assert rows["AFIB"]["description"].endswith("Atrial fibrillation has irregular RR intervals. P waves are absent in V1.")
    assert "bundle" not in rows["AFIB"]["description"]
    assert rows["AFIB"]["question"] == "How is AFIB reflected in a 12-lead ECG?"
    assert (rows["AFIB"]["provider"], rows["AFIB"]["cost_usd"], rows["AFIB"]["fallback"]) == ("extractive", None, False)
    ids = pq.read_table("data/knowledge/index.parquet")["chunk_id"].to_pylist()
    assert set(rows["AFIB"]["chunk_ids"]) <= set(ids)
    assert json.loads(Path("metrics/describe.json").read_text())["statements"] == 2
    assert json.loads(Path("metrics/chunk.json").read_text())["chunks"] == 3
    assert json.loads(Path("metrics/embed.json").read_text()) == {"chunks": 3, "dimensions": 64}
    lines = Path("metrics/describe/retrieval.csv").read_text().splitlines()
    assert lines[0] == "statement,rank,book,heading,score"
    assert lines[1].startswith("left bundle branch block,1,book.md,Left bundle branch block > ECG criteria,")


def test_a_second_run_gives_the_same_bytes_with_and_without_the_cache(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    first = [file_hash(out) for out in OUTS]
    run()
    assert [file_hash(out) for out in OUTS] == first
    monkeypatch.setenv("DVC_ROOT", str(project / "elsewhere"))
    run()
    assert [file_hash(out) for out in OUTS] == first


def test_an_edited_entry_changes_its_own_descriptions_only(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("top_k: 2", "top_k: 1"))
    before = run()
    book = project / "data" / "textbooks" / "book.md"
    book.write_text(BOOK.replace("QRS complex of 120 ms", "QRS complex of 120 ms or more"))
    capsys.readouterr()
    after = run()
    assert "describe: 1 new, 1 from the cache" in capsys.readouterr().err
    assert before["AFIB"] == after["AFIB"]
    assert after["left bundle branch block"]["description"].startswith(
        "Left bundle branch block has a QRS complex of 120 ms or more."
    )


def test_a_statement_that_stands_there_twice_is_refused(project: Path) -> None:
    rows = [{"statement": "AFIB", "kind": "finding", "count": 5, "sources": ["ptbxl"]}] * 2
    write_table("data/statements.parquet", pa.Table.from_pylist(rows))
    stages.chunk.main()
    stages.embed.main()
    with pytest.raises(EsiError, match="names 'AFIB' more than once"):
        stages.describe.main()


def by_endpoint(project: Path, base_url: str) -> None:
    params = project / "params.yaml"
    section = params.read_text().split("describe:\n")
    changed = (
        section[1].replace("provider: extractive", "provider: openai").replace("base_url: null", f"base_url: {base_url}", 1)
    )
    params.write_text(f"{section[0]}describe:\n{changed}")


def test_only_label_texts_and_passages_leave_the_machine(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else the tables hold - ids, ages, sexes, reports, raw wordings, counts, signals - is in no request."""
    secrets = {
        "record_id": "rec-771177",
        "subject_id": "sub-881188",
        "age": 8787,
        "sex": "female-xyz",
        "report": "free report of Jane",
        "signal": [31337, 31338],
        "wordings": ["LBBB, Mrs. Doe"],
        "sources": ["site-of-secrets"],
        "count": 424242,
    }
    row = {"statement": "left bundle branch block", "kind": "finding"}
    write_table("data/statements.parquet", pa.Table.from_pylist([row | secrets]))
    write_table("data/ecg/ptbxl/part-0.parquet", pa.Table.from_pylist([secrets]))
    answer = "Left bundle branch block shows a QRS complex of 120 ms or more and a broad R wave in V6."
    with fake_openai(lambda path, body: completion(answer)) as server:
        by_endpoint(project, server.base_url)
        rows = run()
    assert rows["left bundle branch block"]["description"] == answer
    assert len(server.requests) == 1
    assert "left bundle branch block" in json.dumps(server.requests)
    for value in secrets.values():
        for text in map(str, value if isinstance(value, list) else [value]):
            assert text not in json.dumps([body for _, _, body in server.requests]), text


def test_without_passages_a_model_answers_from_the_question_alone(project: Path) -> None:
    """Table 8, "none". An answer that is refused to the end leaves no description, for there is no book to fall back on."""
    good = "Left bundle branch block shows a QRS complex of 120 ms or more and a broad R wave in V6."
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("  top_k: 2 ", "  top_k: 0 "))
    with pytest.raises(
        EsiError, match="describe: .*top_k is 0, and the extractive writer takes its sentences from passages"
    ):
        run()
    with fake_openai(
        lambda path, body: completion(good if "left bundle" in body["messages"][1]["content"] else "No.")
    ) as server:
        by_endpoint(project, server.base_url)
        rows = run()
    assert {name: row["description"] for name, row in rows.items()} == {"left bundle branch block": good, "AFIB": ""}
    assert {body["messages"][1]["content"] for _, _, body in server.requests} == {row["question"] for row in rows.values()}
    assert all(row["chunk_ids"] == [] for row in rows.values())


def test_a_dry_run_prints_the_estimate_and_sends_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    before = [file_hash(out) for out in OUTS]
    with fake_openai(lambda path, body: completion("never")) as server:
        by_endpoint(project, server.base_url)
        stages.describe.main("--dry-run")
        assert server.requests == []
    assert "2 statements, 0 answered from the cache, 2 requests to gpt-3.5-turbo" in capsys.readouterr().out
    assert [file_hash(out) for out in OUTS] == before
    with pytest.raises(EsiError, match="--dryrun is no option"):
        stages.describe.main("--dryrun")
