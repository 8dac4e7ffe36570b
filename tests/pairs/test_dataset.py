from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from esi.errors import EsiError
from esi.files import write_table
from esi.pairs import columns as columns_module
from esi.pairs.dataset import PairData, load_pairs
from esi.settings.data import Signal
from tests.ecg.test_signals import RAW, write_records

NAMES = ["dataset", "record_id", "split", "text", "findings", "descriptions", "statements"]
ROWS = [
    ("ptbxl", "2", "train", "t2", "LVH", "d2", ["LVH"]),
    ("ptbxl", "1", "train", "t1", "AF", "", ["AF", "LVH", "RBBB"]),
    ("ptbxl", "3", "train", "t3", "LVH", "d3", ["LVH", "AF"]),
    ("ptbxl", "0", "validation", "t0", "AF", "d0", ["AF"]),
]


@pytest.fixture
def folder(tmp_path: Path, own_cache: Path) -> Path:
    write_records(tmp_path / "ecg/ptbxl", 4)
    write_pairs(tmp_path, ROWS)
    return tmp_path


def write_pairs(folder: Path, rows: list[tuple[object, ...]]) -> None:
    write_table(folder / "pairs/pairs.parquet", pl.DataFrame(rows, schema=NAMES, orient="row").to_arrow())


def load(folder: Path, split: str = "train", signal: Signal = RAW) -> PairData:
    return load_pairs(folder / "pairs/pairs.parquet", folder / "ecg", split, signal)


def test_pairs_bring_signals_in_millivolts_and_texts_by_view(tmp_path: Path, own_cache: Path) -> None:
    signals = write_records(tmp_path / "ecg/ptbxl", 4)
    write_pairs(tmp_path, ROWS)
    pairs = load(tmp_path)
    assert (pairs.n, list(pairs.keys)) == (3, ["ptbxl/2", "ptbxl/1", "ptbxl/3"])
    assert pairs.keys[1] == "ptbxl/1"
    ecg_BCT, valid_B = pairs.ecg(torch.tensor([2, 0]))
    assert ecg_BCT.dtype == torch.float32
    np.testing.assert_allclose(ecg_BCT.numpy(), signals[[3, 2]] / 1000, rtol=1e-6)
    assert valid_B.tolist() == [5000, 5000]
    rows_ = torch.tensor([0, 1])
    assert [pairs.texts(view, rows_) for view in ("full", "findings", "descriptions")] == [
        ["t2", "t1"],
        ["LVH", "AF"],
        ["d2", "AF"],
    ]
    assert pairs.texts("full", torch.tensor([2, 0, 2])) == ["t3", "t2", "t3"]
    assert pairs.fingerprint != load(tmp_path, "validation").fingerprint


def test_findings_are_numbers_of_sorted_names(folder: Path) -> None:
    findings = load(folder).findings
    assert findings.dtype == torch.int32
    assert findings.tolist() == [[1, -1, -1], [0, 1, 2], [0, 1, -1]]


def test_the_same_findings_in_another_order_are_equal_rows(folder: Path) -> None:
    statements = [["a", "b"], ["b", "a"], ["c"], ["a"]]
    write_pairs(folder, [(*row[:6], names) for row, names in zip(ROWS, statements, strict=True)])
    findings = load(folder).findings
    assert torch.equal(findings[0], findings[1])


def test_a_split_without_pairs(folder: Path) -> None:
    write_pairs(folder, ROWS[:3])
    pairs = load(folder, "validation")
    assert (pairs.n, list(pairs.keys), len(pairs.findings)) == (0, [], 0)
    assert pairs.texts("full", torch.arange(0)) == []


def test_the_fingerprint_follows_all_that_training_reads(folder: Path) -> None:
    first = load(folder).fingerprint
    assert load(folder).fingerprint == first
    assert load(folder, signal=Signal(rate=100, highpass_hz=0)).fingerprint != first
    write_pairs(folder, [(*ROWS[0][:5], "another", ["LVH"]), *ROWS[1:]])
    changed = load(folder)
    assert changed.fingerprint != first
    assert changed.texts("descriptions", torch.tensor([0])) == ["another"]
    write_records(folder / "ecg/ptbxl", 4, seed=1)
    assert len({first, changed.fingerprint, load(folder).fingerprint}) == 3


def test_texts_are_written_once_and_found_in_any_batch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of two rows, so that a split lies in several of them."""
    monkeypatch.setattr(columns_module, "BATCH", 2)
    pairs = load(folder)
    assert pairs.texts("full", torch.arange(3)) == ["t2", "t1", "t3"]
    assert pairs.texts("full", torch.tensor([2, 1])) == ["t3", "t1"]
    assert list(pairs.keys) == ["ptbxl/2", "ptbxl/1", "ptbxl/3"]

    def never(*_: object) -> None:
        raise AssertionError("written again")

    monkeypatch.setattr(columns_module, "_write", never)
    assert load(folder).fingerprint == pairs.fingerprint


def test_a_killed_writing_is_done_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(columns_module, "_findings", killed)
        with pytest.raises(KeyboardInterrupt):
            load(folder)
    assert load(folder).texts("full", torch.arange(3)) == ["t2", "t1", "t3"]


def test_a_table_of_an_older_version_is_one_sentence(folder: Path) -> None:
    write_table(folder / "pairs/pairs.parquet", pl.DataFrame(ROWS, schema=NAMES, orient="row").drop("statements").to_arrow())
    with pytest.raises(EsiError, match=r"pairs\.parquet has no column statements: run the pairs stage again"):
        load(folder)
