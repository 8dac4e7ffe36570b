"""Retrieval: keyed, exact, independent of the machine's cache; and right for every SCP statement."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from esi.cqa.books import Section, read_books
from esi.cqa.chunks import chunk_table, entry_of
from esi.cqa.embedding import Vectors, encoder_name, encoder_of
from esi.cqa.extractive import choose_sentences
from esi.cqa.index import index_table, vectors_of
from esi.cqa.retrieval import retrieve
from esi.ecg.statements.wording import normalise
from esi.errors import EsiError
from esi.files import file_hash, write_table
from esi.params import Embed
from tests.cqa.scp_entries import SCP_ENTRIES, WORDINGS

ROOT = Path(__file__).parents[2]
QUESTION = "How is {condition} reflected in a 12-lead ECG?"


def encode(texts: Sequence[str]) -> Vectors:
    vectors = np.stack([np.random.default_rng(len(text)).normal(size=8) for text in texts]).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def index_of(count: int, path: Path) -> pa.Table:
    sections = [Section("a.txt", "", None, "x" * (number + 1)) for number in range(count)]
    table = index_table(chunk_table(sections, 160, 0), encode, "local/test")
    write_table(path, table)
    return table


@pytest.mark.usefixtures("own_cache")
def test_passages_are_those_of_an_exact_search_and_keyed(tmp_path: Path) -> None:
    table = index_of(120, tmp_path / "index.parquet")
    questions = {f"s{number}": "y" * (200 + number) for number in range(9)}
    found = retrieve(tmp_path / "index.parquet", questions, encode, "local/test", 3)
    vectors = vectors_of(table)
    assert list(found) == list(questions)
    for key, question in questions.items():
        scores = vectors @ encode([question])[0]
        best = np.argsort(-scores)[:3]
        assert [passage.position for passage in found[key]] == best.tolist()
        np.testing.assert_allclose([passage.score for passage in found[key]], scores[best], atol=1e-4)


def test_the_index_is_the_same_and_stays_the_same(tmp_path: Path, own_cache: Path) -> None:
    index_of(30, tmp_path / "a.parquet")
    index_of(30, tmp_path / "b.parquet")
    before = file_hash(tmp_path / "a.parquet")
    assert before == file_hash(tmp_path / "b.parquet")
    first = retrieve(tmp_path / "a.parquet", {"k": "yy"}, encode, "local/test", 2)
    second = retrieve(tmp_path / "b.parquet", {"k": "yy"}, encode, "local/test", 2)
    assert first == second
    assert file_hash(tmp_path / "a.parquet") == before
    assert len(list((own_cache / "chroma").iterdir())) == 1  # one collection for one content, and nothing half-built


@pytest.mark.usefixtures("own_cache")
def test_more_passages_than_there_are_and_no_questions(tmp_path: Path) -> None:
    index_of(2, tmp_path / "index.parquet")
    assert len(retrieve(tmp_path / "index.parquet", {"k": "yy"}, encode, "local/test", 5)["k"]) == 2
    assert retrieve(tmp_path / "index.parquet", {}, encode, "local/test", 5) == {}


def test_another_encoder_is_refused(tmp_path: Path) -> None:
    index_of(2, tmp_path / "index.parquet")
    with pytest.raises(EsiError, match=r"embedded by local/test, the queries would be by openai/m"):
        retrieve(tmp_path / "index.parquet", {"k": "y"}, encode, "openai/m", 1)
    with pytest.raises(EsiError, match="5 dimensions, the index 8"):
        retrieve(tmp_path / "index.parquet", {"k": "y"}, lambda texts: np.ones((len(texts), 5), np.float32), "local/test", 1)


def test_metadata_survives_parquet(tmp_path: Path) -> None:
    index_of(2, tmp_path / "index.parquet")
    assert pq.read_schema(tmp_path / "index.parquet").field("vector").type == pa.list_(pa.float32())


@pytest.mark.usefixtures("own_cache")
def test_every_scp_statement_finds_its_own_entry_of_the_handbook(tmp_path: Path) -> None:
    """And speaks of it alone: the left bundle does not get into the right one's text."""
    embed = Embed(provider="local", model="packaged", base_url=None, batch_size=64)
    chunks = chunk_table(read_books(ROOT / "data/textbooks"), 160, 32)
    write_table(tmp_path / "index.parquet", index_table(chunks, encoder_of(embed), encoder_name(embed)))
    with (ROOT / "data/reference/scp_statements.csv").open() as file:
        descriptions = {row["code"]: row["description"] for row in csv.DictReader(file)}
    assert set(descriptions) == set(SCP_ENTRIES)
    wanted = {descriptions[code]: entry for code, entry in SCP_ENTRIES.items()} | WORDINGS
    wanted |= {normalise(wording): entry for wording, entry in wanted.items()}  # the question that the pipeline asks
    questions = {statement: QUESTION.replace("{condition}", statement) for statement in wanted}
    found = retrieve(tmp_path / "index.parquet", questions, encoder_of(embed), encoder_name(embed), 2)
    wrong = {name: found[name][0].heading for name in wanted if entry_of(found[name][0].heading) != wanted[name]}
    assert wrong == {}
    texts = {name: " ".join(choose_sentences(name, found[name], 3)) for name in wanted}
    assert not [name for name, text in texts.items() if len(text.split()) < 20]
    assert "left bundle" not in texts["complete right bundle branch block"].lower()
    assert "right bundle" not in texts["complete left bundle branch block"].lower()
    assert "V1" in texts["complete right bundle branch block"]
    assert "200 ms" in texts["first degree AV block"]
    assert "II, III and aVF" in texts["inferior myocardial infarction"]
    assert choose_sentences("dextrocardia", found["sinus rhythm"], 3) == []
