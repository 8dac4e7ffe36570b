"""Whatever happens to a file of the cache: it is named and made anew, never used and never a traceback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esi import files, sealed
from esi.cqa.retrieve import vector_search
from esi.cqa.retrieve.vector_cache import VectorCache
from esi.cqa.write.answer_archive import export_answers, import_answers
from esi.cqa.write.answer_cache import DAMAGED, AnswerCache
from esi.ecg.shards import SCHEMA as SHARD_SCHEMA
from esi.ecg.shards import ShardFiles
from esi.ecg.signals import open_store
from esi.ecg.tables import QUARANTINE_SCHEMA
from esi.errors import EsiError
from esi.evaluate.controls.features import control_features
from esi.evaluate.encode import encode
from esi.pairs.columns import PairColumns
from esi.pretrain.known_texts import KnownTexts
from esi.train.checkpoint import Checkpoint
from tests.ecg.test_signals import LOW, write_records
from tests.evaluate.test_controls import ecg, regular, store_of
from tests.model.mini import mini_esi
from tests.pairs.test_dataset import ROWS, write_pairs
from tests.pretrain.made_up_texts import TextPairs

Value = list[np.ndarray]


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, int, bytes]:
    """A kind of damage, where it begins, and bytes for it."""
    kind = draw(st.sampled_from(["bit", "bytes", "cut", "longer", "empty", "random", "folder", "other"]))
    return kind, draw(st.integers(0, 10**6)), draw(st.binary(min_size=1, max_size=40))


def damage(path: Path, kind: str, place: int, data: bytes) -> bool:
    """Do it; False where the file is as it was."""
    before = path.read_bytes()
    after, place = bytearray(before), place % max(len(before), 1)  # Chroma keeps an empty file
    match kind:
        case "bit":
            after[place : place + 1] = bytes(byte ^ 1 << (data[0] % 8) for byte in after[place : place + 1])
        case "bytes":
            after[place : place + len(data)] = data
        case "cut":
            del after[place:]
        case "longer":
            after += data
        case "empty":
            after.clear()
        case "random":
            after[:] = data
        case "other":  # a good file of another content and shape
            with sealed.sealing(path.with_name("other")) as temporary, temporary.open("wb") as file:
                np.savez(file, pooled=np.ones(place % 7), z=np.ones(3), train=np.ones(2))
            after[:] = path.with_name("other").read_bytes()
            path.with_name("other").unlink()
        case "folder":
            path.unlink()
            path.mkdir()
            (path / "a").write_bytes(data)
            return True
    path.write_bytes(bytes(after))
    try:
        return json.loads(after) != json.loads(before)  # a space at the end of JSON changes nothing
    except ValueError:
        return bytes(after) != before


# ---- each cache: a function that gives its value, from the cache where it can


def signals(folder: Path) -> Callable[[], Value]:
    write_records(folder / "ecg/ptbxl", 3)
    return lambda: [np.array(open_store(folder / "ecg/ptbxl", LOW).signals_NCT)]


def columns(folder: Path) -> Callable[[], Value]:
    write_pairs(folder, ROWS)

    def read() -> Value:
        found = PairColumns(folder / "pairs/pairs.parquet", "train")
        return [np.array(found.findings_NK), np.array(found["text"].to_pylist())]

    return read


def embeddings(folder: Path) -> Callable[[], Value]:
    store = store_of([ecg(100, regular(0.8))] * 3)
    seen = {name: torch.arange(6.0).reshape(3, 2) for name in ("pooled", "z")}
    model: Any = SimpleNamespace(device=torch.device("cpu"), encode_ecg=lambda ecg, _: seen)

    def read() -> Value:
        found = encode(model, "key", store, ["0", "1", "2"], 3)
        return [found.pooled_ND, found.z_NE]

    return read


def controls(folder: Path) -> Callable[[], Value]:
    store = store_of([ecg(100, regular(0.8)), ecg(100, regular(0.6))])
    return lambda: list(control_features("hand", store, {"train": ["0"], "test": ["1"]}).values())


def texts(folder: Path) -> Callable[[], Value]:
    tower = mini_esi(folder / "bert").text
    return lambda: [
        KnownTexts([(TextPairs(9), ["full"])], tower, False, 0)(TextPairs(9).texts("full", torch.arange(9))).numpy()
    ]


def resume_state(folder: Path) -> Callable[[], Value]:
    return _state(Checkpoint({"a": 1}))


def _state(checkpoint: Any) -> Callable[[], Value]:
    def read() -> Value:
        state = checkpoint.load()
        if state is None:  # a run begins at its start
            state = {"weights": torch.arange(99.0), "done": torch.tensor(7)}
            checkpoint.save(state)
        return [state["weights"].numpy(), state["done"].numpy()]

    return read


def vectors(folder: Path) -> Callable[[], Value]:
    cache = VectorCache(files.cache_folder("embeddings"), None, "m")

    def read() -> Value:
        if (vector := cache.get("text")) is None:
            vector = np.arange(1536, dtype=np.float32)
            cache.put("text", vector)
        return [vector]

    return read


def chroma(folder: Path) -> Callable[[], Value]:
    vectors_ND = np.eye(4, dtype=np.float32)
    index = pa.table({"chunk_id": list("abcd"), "vector": list(vectors_ND)})

    def read() -> Value:
        (found,) = vector_search.nearest(index, "hash", vectors_ND[2:3], 2, None)
        return [np.array([found[0][0], f"{found[0][1]:.5f}"])]

    return read


def shards(folder: Path) -> Callable[[], Value]:
    work = files.cache_folder("ingest", "a")
    shard = ShardFiles(work / "k.parquet", work / "k.quarantine.parquet", work / "k.sums.json")

    def read() -> Value:
        if not shard.whole():
            files.write_table(shard.part, SHARD_SCHEMA.empty_table())
            files.write_table(shard.quarantine, QUARANTINE_SCHEMA.empty_table())
            sealed.seal(shard.sums, [shard.part, shard.quarantine])
        return [np.frombuffer(path.read_bytes(), np.uint8) for path in (shard.part, shard.quarantine)]

    return read


CACHES = [signals, columns, embeddings, controls, texts, resume_state, vectors, chroma, shards]


@pytest.mark.parametrize("cache", CACHES)
def test_damage_of_any_kind_is_named_and_mended(
    cache: Callable[[Path], Callable[[], Value]], tmp_path: Path, own_cache: Path
) -> None:
    read = cache(tmp_path)
    right = read()
    kept = own_cache.with_name("kept")
    shutil.copytree(own_cache, kept)
    paths = sorted(path.relative_to(kept) for path in kept.rglob("*") if path.is_file())
    assert paths

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(paths), damages())
    def check(path: Path, how: tuple[str, int, bytes]) -> None:
        shutil.rmtree(own_cache)
        shutil.copytree(kept, own_cache)
        changed = damage(own_cache / path, *how)
        said = StringIO()
        with redirect_stderr(said):
            found = read()
        assert len(found) == len(right)
        for one, other in zip(found, right, strict=True):
            np.testing.assert_array_equal(one, other)
        assert ("is damaged" in said.getvalue()) == changed
        with redirect_stderr(said := StringIO()):
            read()
        assert "is damaged" not in said.getvalue()

    check()


@pytest.mark.parametrize("cache", [signals, columns, embeddings, controls, texts, chroma])
def test_what_is_whole_is_not_made_again(
    cache: Callable[[Path], Callable[[], Value]], tmp_path: Path, own_cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in own_cache.rglob("*") if path.is_file()}

    read = cache(tmp_path)
    read()
    before = times()
    read()
    assert times() == before
    assert "damaged" not in capfd.readouterr().err


def test_an_entry_is_no_good_in_the_place_of_another(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    one, other = tmp_path / "a.npz", tmp_path / "b.npz"
    sealed.write_arrays(one, {"z": np.zeros(3)})
    sealed.write_arrays(other, {"z": np.ones(3)})
    shutil.copy(one, other)
    assert sealed.read_arrays(other) is None
    assert not other.exists()
    assert "b.npz is damaged (its bytes have changed)" in capfd.readouterr().err
    assert (sealed.read_arrays(one) or {})["z"].tolist() == [0, 0, 0]


def test_a_large_file_is_summed_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(bytes(range(256)) * 4)
    monkeypatch.setattr(sealed, "CHUNK", 100)
    whole = sealed.crc32(tmp_path / "a")
    for place in (0, 99, 100, 1023):
        content = bytearray(bytes(range(256)) * 4)
        content[place] ^= 1
        (tmp_path / "a").write_bytes(bytes(content))
        assert sealed.crc32(tmp_path / "a") != whole


def test_rows_that_a_killed_build_finished_are_read_again_before_they_are_believed(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.ecg.test_signals import stopped_after_one_part

    write_records(tmp_path / "ptbxl", 9)
    with monkeypatch.context() as patched:
        patched.setenv("DVC_ROOT", str(tmp_path / "other"))
        right = np.array(open_store(tmp_path / "ptbxl", LOW).signals_NCT)
    for break_it in (lambda path: damage(path, "bytes", 9000, b"damaged"), lambda path: damage(path, "cut", 999, b"")):
        shutil.rmtree(own_cache, ignore_errors=True)
        stopped_after_one_part(tmp_path / "ptbxl", monkeypatch)
        (array,) = own_cache.rglob("signals.npy")
        break_it(array)
        np.testing.assert_array_equal(open_store(tmp_path / "ptbxl", LOW).signals_NCT, right)


# ---- what was paid for

REQUEST = {"provider": "openai", "messages": [{"role": "user", "content": "How is AF reflected in a 12-lead ECG?"}]}
ANSWER = {"text": "Irregular RR intervals, no P waves: µV, „f“.", "finish_reason": "stop", "prompt_tokens": 9}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(damages())
def test_a_damaged_answer_is_set_aside_and_asked_for_again(tmp_path_factory: pytest.TempPathFactory, how: tuple) -> None:
    cache = AnswerCache(tmp_path_factory.mktemp("answers"))
    cache.put(REQUEST, ANSWER)
    path = cache.path(files.json_hash(REQUEST))
    assert cache.get_or_ask(REQUEST, dict) == (ANSWER, False)
    meant = json.loads(path.read_text())
    damage(path, *how)
    try:
        same = json.loads(path.read_text()) == meant
    except (OSError, ValueError):
        same = False
    bad = path.read_bytes() if path.is_file() else None
    said = StringIO()
    with redirect_stderr(said):
        assert cache.get_or_ask(REQUEST, lambda: dict(ANSWER)) == (ANSWER, not same)
    aside = list(path.parents[1].glob(f"{DAMAGED}/*"))
    assert len(aside) == (not same)
    if aside:
        assert str(aside[0]) in said.getvalue()
        assert bad is None or aside[0].read_bytes() == bad
    assert cache.get_or_ask(REQUEST, dict) == (ANSWER, False)


def test_each_damaged_answer_is_kept(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path)
    path = cache.path(files.json_hash(REQUEST))
    for number in range(3):
        cache.put(REQUEST, ANSWER)
        path.write_text(f"bad {number}")
    cache.put(REQUEST, ANSWER)
    assert sorted(kept.read_text() for kept in (tmp_path / DAMAGED).iterdir()) == ["bad 0", "bad 1", "bad 2"]


def test_an_answer_that_was_kept_before_there_were_checksums_is_used(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path)
    files.write_json(cache.path(files.json_hash(REQUEST)), {"request": REQUEST, "answer": ANSWER})
    assert cache.get_or_ask(REQUEST, dict) == (ANSWER, False)
    files.write_json(cache.path(files.json_hash({})), {"request": REQUEST, "answer": ANSWER})
    assert cache.get({}) is None, "the answer to another request"


def test_a_vector_that_was_kept_before_there_were_checksums_is_used_where_its_length_vouches_for_it(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, None, "m")
    old = cache._path("text")
    old.parent.mkdir(parents=True)
    unit = np.full(1536, 1 / 1536**0.5, "<f4")
    old.write_bytes(unit.tobytes())
    np.testing.assert_array_equal(cache.get("text"), unit)
    for content in (unit.tobytes()[:400], b"", unit.tobytes()[:-1][::-1], (2 * unit).tobytes()):
        old.write_bytes(content)
        assert cache.get("text") is None


def test_a_damaged_archive_is_one_sentence(tmp_path: Path) -> None:
    cache, archive = AnswerCache(tmp_path / "a"), tmp_path / "answers.parquet"
    cache.put(REQUEST, ANSWER)
    export_answers(pa.table({"request": [files.json_hash(REQUEST)]}), cache, archive)
    whole = archive.read_bytes()
    for place in range(0, len(whole), 29):
        for content in (whole[:place], whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :]):
            archive.write_bytes(content)
            other = AnswerCache(tmp_path / f"b{place}")
            try:
                import_answers(archive, other)
            except EsiError:
                continue
            assert other.get(REQUEST) == ANSWER
    archive.write_bytes(whole)
    assert import_answers(archive, AnswerCache(tmp_path / "c")) == (1, 0)
