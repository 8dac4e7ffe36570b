from __future__ import annotations

import csv
import hashlib
import json
import math
import random
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from esi.errors import EsiError
from esi.evaluate.distribution import draw_test
from esi.evaluate.mmd import discrepancy, gaussian_kernel, mmd2
from esi.evaluate.pretraining_sample import PretrainingSample, draw
from esi.files import write_table
from esi.model.manifest import manifest_of_pairs
from esi.pairs.build import limit
from stages import distribution
from tests.conftest import ROOT
from tests.evaluate.tiny_sets import SIGNAL, ecg_set, row, write_set
from tests.model.mini import mini_esi


def distances(features_ND: np.ndarray) -> np.ndarray:
    return np.linalg.norm(features_ND[:, None] - features_ND[None], axis=-1)


def slow_mmd2(first_XD: np.ndarray, second_YD: np.ndarray, bandwidth: float) -> float:
    """Gretton et al. 2012, equation 3, term by term."""

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return math.exp(-float(((a - b) ** 2).sum()) / (2 * bandwidth**2))

    def within(sample: np.ndarray) -> float:
        pairs = [kernel(a, b) for i, a in enumerate(sample) for j, b in enumerate(sample) if i != j]
        return sum(pairs) / len(pairs)

    between = [kernel(a, b) for a in first_XD for b in second_YD]
    return within(first_XD) + within(second_YD) - 2 * sum(between) / len(between)


@settings(deadline=None, max_examples=25)
@given(first=st.integers(2, 9), second=st.integers(2, 9), seed=st.integers(0, 99), bandwidth=st.floats(0.3, 3))
def test_mmd_is_the_slow_reference_for_every_split(first: int, second: int, seed: int, bandwidth: float) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(first + second, 3))
    order = rng.permutation(first + second)
    chosen = np.zeros((2, first + second))
    chosen[0, :first] = chosen[1, order[:first]] = 1
    found = mmd2(gaussian_kernel(distances(features), bandwidth), chosen)
    expected = [
        slow_mmd2(features[:first], features[first:], bandwidth),
        slow_mmd2(features[order[:first]], features[order[first:]], bandwidth),
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(("shift", "bandwidth"), [(0.0, 1.5), (1.0, 1.5), (2.0, 3.0)])
def test_it_is_unbiased_for_gaussians_whose_mmd_is_known(shift: float, bandwidth: float) -> None:
    """For N(0, I) and N(m, I) in D dimensions: 2 (s^2 / (s^2 + 2))^(D/2) (1 - exp(-|m|^2 / (2 (s^2 + 2))))."""
    dimensions, trials, first, second = 3, 400, 12, 20
    wide = bandwidth**2 + 2
    expected = 2 * (bandwidth**2 / wide) ** (dimensions / 2) * (1 - math.exp(-(shift**2) / (2 * wide)))
    rng = np.random.default_rng(0)
    chosen = np.r_[np.ones(first), np.zeros(second)][None]
    values = []
    for _ in range(trials):
        features = rng.normal(size=(first + second, dimensions))
        features[first:, 0] += shift
        values.append(mmd2(gaussian_kernel(distances(features), bandwidth), chosen)[0])
    error = np.std(values) / math.sqrt(trials)
    assert abs(np.mean(values) - expected) < 3 * error
    assert error < 0.006  # the biased estimate would be 0.05 larger
    if not shift:
        assert min(values) < 0


def test_p_values_are_uniform_where_the_distributions_are_the_same() -> None:
    rng = np.random.default_rng(1)
    p_values = np.array(
        [discrepancy(rng.normal(size=(15, 4)), rng.normal(size=(25, 4)), 99, seed).p_value for seed in range(300)]
    )
    assert p_values.min() >= 0.01
    for level in (0.05, 0.2, 0.5, 0.8):
        spread = math.sqrt(level * (1 - level) / len(p_values))
        assert abs((p_values <= level).mean() - level) < 3 * spread


def test_a_shift_is_found() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(size=(60, 8))
    found = discrepancy(first, rng.normal(size=(60, 8)) + 1, 199, 0)
    assert found.p_value == 1 / 200
    assert 0.05 < found.mmd2 < 2
    wider = discrepancy(first, rng.normal(size=(60, 8)) * 3, 199, 0)
    assert wider.p_value == 1 / 200  # the means are the same


def test_p_counts_the_observed_split_and_ties() -> None:
    same = np.ones((6, 2))
    assert discrepancy(same, same, 20, 0).p_value == 1.0
    two = np.array([[0.0], [0.0]])
    found = discrepancy(two, two + 1, 2000, 0)  # 2 of the 6 ways to split four records in halves are this one
    assert found.p_value == pytest.approx(1 / 3, abs=0.04)


@settings(deadline=None, max_examples=20)
@given(
    scale=st.lists(st.floats(1e-3, 1e3), min_size=4, max_size=4), shift=st.lists(st.floats(-9, 9), min_size=4, max_size=4)
)
def test_units_and_offsets_of_features_change_nothing(scale: list[float], shift: list[float]) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(10, 4)), rng.normal(size=(14, 4)) + 0.5
    one = discrepancy(first, second, 50, 0)
    other = discrepancy(first * scale + shift, second * scale + shift, 50, 0)
    assert (other.mmd2, other.bandwidth) == pytest.approx((one.mmd2, one.bandwidth), rel=1e-6)
    assert other.p_value == one.p_value


def test_a_feature_that_says_nothing_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(10, 4)).astype(np.float32), rng.normal(size=(14, 4)).astype(np.float32)
    wide = [np.c_[part, np.full(len(part), np.float32(0.1))] for part in (first, second)]
    one, other = discrepancy(first, second, 50, 0), discrepancy(*wide, 50, 0)
    assert (other.mmd2, other.bandwidth, other.p_value) == pytest.approx((one.mmd2, one.bandwidth, one.p_value))


def test_the_bandwidth_is_the_median_distance_of_the_pooled_sample() -> None:
    first, second = np.array([[0.0], [1.0]]), np.array([[3.0], [10.0]])
    deviation = np.std([0, 1, 3, 10])
    assert discrepancy(first, second, 1, 0).bandwidth == pytest.approx(np.median([1, 3, 10, 2, 9, 7]) / deviation)


def test_the_seed_alone_decides_the_permutations() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(20, 4)), rng.normal(size=(20, 4)) + 0.15
    p_values = [discrepancy(first, second, 50, seed).p_value for seed in (0, 0, 1, 2, 3)]
    assert p_values[0] == p_values[1]
    assert len(set(p_values)) > 1


def names(count: int) -> pa.Table:
    """Records of two sets; every third is another record of the subject before."""
    numbers = range(count)
    return pa.table(
        {
            "dataset": ["ptbxl" if number % 2 else "mimic" for number in numbers],
            "record_id": [str(number) for number in numbers],
            "subject_id": [str(number - 2 if number % 3 == 0 else number) for number in numbers],
        }
    )


def digest(dataset: str, record: str) -> str:
    return hashlib.sha256(f"{dataset}/{record}".encode()).hexdigest()


def test_the_lowest_hashes_are_drawn_one_a_subject_whatever_the_order() -> None:
    table = names(40)
    rows = sorted(table.to_pylist(), key=lambda item: digest(item["dataset"], item["record_id"]))
    expected = list({(item["dataset"], item["subject_id"]): item for item in reversed(rows)}.values())[::-1]
    expected.sort(key=lambda item: digest(item["dataset"], item["record_id"]))
    assert len(expected) < 40
    assert draw(table, 40).to_pylist() == expected
    assert draw(table, 5).to_pylist() == expected[:5]
    shuffled = random.Random(0).sample(range(40), 40)
    assert draw(table.take(shuffled), 5).to_pylist() == expected[:5]
    assert draw(pa.concat_tables([table.slice(30), table.slice(0, 30)]), 5).to_pylist() == expected[:5]


def test_one_subject_is_too_few(tmp_path: Path, own_cache: Path) -> None:
    one = ecg_set(tmp_path / "ecg", [row(number, subject_id="s") for number in range(3)] + [row(9, split="train")])
    with pytest.raises(EsiError, match=r"distribution\.sets: ptbxl has 1 test subjects.*ingest\.ptbxl\.folds\.test"):
        draw_test(one, 5)
    none = ecg_set(tmp_path / "ecg", [row(9, split="train")])
    with pytest.raises(EsiError, match="ptbxl has 0 test subjects"):
        draw_test(none, 5)
    pairs = tmp_path / "pairs.parquet"
    write_table(pairs, one.of("train").select("dataset", "record_id", "subject_id", "split").to_arrow())
    with pytest.raises(EsiError, match=r"pairs\.parquet holds training pairs of 1 subjects.*raise pairs\.limit"):
        PretrainingSample(pairs, tmp_path / "ecg", SIGNAL, 5, 4)


def test_a_model_of_fewer_pairs_is_tested_with_the_same_of_them() -> None:
    pairs = pl.DataFrame(names(60)).with_columns(split=pl.lit("train"))
    few = limit(pairs, 30).to_arrow()
    assert draw(few, 12).to_pylist() == draw(pairs.to_arrow(), 12).to_pylist()


@pytest.fixture
def project(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sets, pairs of both and a model, in a folder that the stage runs in."""
    ptbxl = [row(number, split="train" if number < 8 else "test") for number in range(14)]
    icbeb = [row(number, split="test", subject_id="one" if number > 25 else str(number)) for number in range(20, 28)]
    mimic = [row(number, split="train") for number in range(40, 44)]
    for name, rows in (("ptbxl", ptbxl), ("icbeb", icbeb), ("mimic", mimic)):
        write_set(tmp_path / "data/ecg", rows, name)
    trained = [item | {"dataset": "ptbxl", "split": "train"} for item in ptbxl[:8]]
    trained += [item | {"dataset": "mimic", "split": "train" if place else "validation"} for place, item in enumerate(mimic)]
    columns = ["dataset", "record_id", "subject_id", "signal_hash", "split"]
    write_table(tmp_path / "data/pairs/pairs.parquet", pl.DataFrame(trained).select(columns).to_arrow())
    model = mini_esi(tmp_path / "bert")
    model.trained_on = manifest_of_pairs(tmp_path / "data/pairs/pairs.parquet")
    model.save_pretrained(tmp_path / "data/model")
    yaml = YAML()
    content = yaml.load((ROOT / "params.yaml").read_text())
    content["distribution"] |= {"sets": ["ptbxl", "icbeb"], "records": 7, "permutations": 19}
    content["evaluate"] |= {"batch_size": 4, "random_seeds": [1, 2]}
    yaml.dump(content, tmp_path / "params.yaml")
    (tmp_path / "data/embeddings").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_pretraining_sample_is_of_the_training_pairs(project: Path) -> None:
    model = mini_esi(project / "bert").eval()

    def encoded(most: int) -> np.ndarray:
        sample = PretrainingSample(project / "data/pairs/pairs.parquet", project / "data/ecg", SIGNAL, most, 4)
        return sample.encode(model, "mini").z_NE

    every = encoded(100)
    assert len(every) == 8 + 3
    few = encoded(4)
    assert len(few) == 4
    assert all(np.isclose(every, z_E, atol=1e-5).all(axis=1).sum() == 1 for z_E in few)


def test_the_stage_writes_figures_and_tables(project: Path) -> None:
    files = [f"metrics/distribution/{name}.json" for name in ("icbeb", "ptbxl")]
    files += [f"metrics/details/distribution/{name}.csv" for name in ("icbeb", "ptbxl")]
    distribution.main()
    content = [(project / name).read_bytes() for name in files]
    distribution.main()
    assert content == [(project / name).read_bytes() for name in files]
    assert sorted(str(path.relative_to(project)) for path in (project / "metrics").rglob("*.*")) == sorted(files)

    figures = json.loads((project / "metrics/distribution/icbeb.json").read_text())
    assert list(figures) == ["metric", "value", "random", "n_test"]
    assert (figures["metric"], figures["n_test"]) == ("MMD2", 7)  # of eight records, two of one subject
    with (project / "metrics/details/distribution/icbeb.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [(line["model"], line["space"]) for line in table] == [
        (model, space) for model in ("esi", "random", "random") for space in ("pooled", "z")
    ]
    assert {(line["pretraining_records"], line["test_records"]) for line in table} == {("7", "7")}
    assert float(table[0]["mmd2"]) == figures["value"]
    assert (float(table[2]["mmd2"]) + float(table[4]["mmd2"])) / 2 == pytest.approx(figures["random"], abs=1e-6)
    assert all(0.05 <= float(line["p_value"]) <= 1 and float(line["bandwidth"]) > 0 for line in table)
    assert len(pl.read_csv(project / "metrics/details/distribution/ptbxl.csv")) == 6


def test_the_stage_refuses_a_test_that_the_model_was_trained_on(project: Path) -> None:
    write_set(project / "data/ecg", [row(number) for number in range(6, 12)])
    with pytest.raises(EsiError, match=r"trained on 2 subjects and 2 signals of ptbxl's test records \(record 6, "):
        distribution.main()
    assert not (project / "metrics").exists()
