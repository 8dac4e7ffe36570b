"""Retrieval: keyed, exact, independent of the machine's cache; and right for every SCP statement."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from esi.cqa.books.chunks import chunk_table, entry_of
from esi.cqa.books.read import Section, read_books
from esi.cqa.retrieve.embedding import Vectors, encoder_name, encoder_of
from esi.cqa.retrieve.index import index_table, vectors_of
from esi.cqa.retrieve.retrieval import Method, retrieve
from esi.cqa.write.extractive import choose_sentences
from esi.ecg.statements.wording import normalise
from esi.errors import EsiError
from esi.files import file_hash, write_table
from esi.settings.cqa import Embed
from tests.cqa.scp_entries import SCP_ENTRIES, WORDINGS
from tools.handbook import entries_of, findings, read_entries

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


def book_of(path: Path) -> None:
    sections = [
        Section("a.md", "Atrial flutter > ECG criteria", None, "Sawtooth waves at 300 per minute."),
        Section("a.md", "Sinus rhythm > ECG criteria", None, "Upright P waves; flutter is absent and so is a sawtooth."),
        Section("a.md", "Fibrillation > ECG criteria", None, "Irregular RR intervals."),
    ]
    write_table(path, index_table(chunk_table(sections, 160, 0), encode, "local/test"))


def refuse(texts: Sequence[str]) -> Vectors:
    raise AssertionError("lexical retrieval needs no vectors")


def test_lexical_retrieval_needs_no_encoder_and_finds_only_what_shares_a_word(tmp_path: Path) -> None:
    book_of(tmp_path / "index.parquet")
    found = retrieve(
        tmp_path / "index.parquet", {"sawtooth": "?", "cardiac": "?"}, refuse, "", 5, method="lexical", names=False
    )
    assert [passage.position for passage in found["sawtooth"]] == [0, 1]  # the shorter passage first
    assert found["sawtooth"][0].score == 1.0
    assert found["cardiac"] == []


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("method", ["dense", "lexical", "hybrid"])
def test_names_bring_the_entry_of_that_name_to_the_front(tmp_path: Path, method: Method) -> None:
    book_of(tmp_path / "index.parquet")

    vectors = vectors_of(pq.read_table(tmp_path / "index.parquet"))
    nearest_last = vectors[2] + 0.1 * vectors[0]
    misled = lambda texts: (nearest_last / np.linalg.norm(nearest_last))[None].repeat(len(texts), 0)  # noqa: E731

    def first(names: bool) -> str:
        found = retrieve(
            tmp_path / "index.parquet", {"atrial flutter": "?"}, misled, "local/test", 3, method=method, names=names
        )
        return entry_of(found["atrial flutter"][0].heading)

    assert first(names=True) == "Atrial flutter"
    if method == "dense":
        assert first(names=False) == "Fibrillation"


@pytest.mark.usefixtures("own_cache")
def test_hybrid_finds_what_either_search_finds(tmp_path: Path) -> None:
    path = tmp_path / "index.parquet"
    book_of(path)
    methods: tuple[Method, ...] = ("dense", "lexical", "hybrid")
    ranks = {}
    for method in methods:
        found = retrieve(path, {"sawtooth": "yyy"}, encode, "local/test", 3, method=method, names=False)
        ranks[method] = [passage.position for passage in found["sawtooth"]]
    reciprocal = {
        place: sum(1 / (61 + ranks[method].index(place)) for method in methods[:2] if place in ranks[method])
        for place in range(3)
    }
    assert ranks["hybrid"] == sorted(range(3), key=lambda place: (-reciprocal[place], place))


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("method", ["dense", "lexical", "hybrid"])
def test_of_equal_passages_the_earlier_one_comes_first(tmp_path: Path, method: Method) -> None:
    sections = [Section(f"{number}.txt", f"Wave {number}", None, "The same words.") for number in range(40)]
    one = np.full((1, 8), 8**-0.5, np.float32)
    table = index_table(chunk_table(sections, 160, 0), lambda texts: one.repeat(len(texts), 0), "local/test")
    write_table(tmp_path / "index.parquet", table)
    found = retrieve(
        tmp_path / "index.parquet", {"same words": "?"}, lambda texts: one, "local/test", 5, method=method, names=False
    )
    assert [passage.position for passage in found["same words"]] == [0, 1, 2, 3, 4]


def test_metadata_survives_parquet(tmp_path: Path) -> None:
    index_of(2, tmp_path / "index.parquet")
    assert pq.read_schema(tmp_path / "index.parquet").field("vector").type == pa.list_(pa.float32())


@pytest.mark.usefixtures("own_cache")
def test_every_statement_code_and_concept_finds_its_own_entry_of_the_handbook(tmp_path: Path) -> None:
    """And speaks of it alone: the left bundle does not get into the right one's text."""
    embed = Embed(provider="local", model="packaged", base_url=None, batch_size=64)
    chunks = chunk_table(read_books(ROOT / "data/textbooks"), 160, 32)
    write_table(tmp_path / "index.parquet", index_table(chunks, encoder_of(embed), encoder_name(embed)))
    with (ROOT / "data/reference/scp_statements.csv").open() as file:
        descriptions = {row["code"]: row["description"] for row in csv.DictReader(file)}
    assert set(descriptions) == set(SCP_ENTRIES)
    wanted = {descriptions[code]: entry for code, entry in SCP_ENTRIES.items()} | WORDINGS
    wanted |= {normalise(wording): entry for wording, entry in wanted.items()}  # the question that the pipeline asks
    entries, data = read_entries(ROOT / "data/textbooks"), findings(ROOT / "data")
    named = {finding: entries_of(finding, entries) for finding in data if finding not in wanted}
    wanted |= {finding: found[0] for finding, found in named.items() if found}
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
