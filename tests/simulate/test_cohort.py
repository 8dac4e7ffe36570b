"""The simulated sets on disk: wfdb reads every file, and the tables are those of the public releases."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import wfdb
from threadpoolctl import threadpool_limits

from esi.ecg.reference import scp_statements
from esi.files import file_hash
from esi.simulate.conditions.catalogue import CONDITIONS, CPSC_CLASSES, INDEX
from esi.simulate.conditions.priors import WITHOUT_P, SetName
from esi.simulate.heart.subjects import draw_subjects
from esi.simulate.record.findings import draw_conditions
from esi.simulate.releases import labels
from esi.simulate.releases.batches import draw_batches, draw_owners
from esi.simulate.releases.cohort import simulate_cohort
from esi.simulate.releases.ptbxl import stratified_folds
from esi.simulate.releases.waveform_files import quantise, write_dat, write_mat

REAL = Path(__file__).parents[2].parent / "shared/real"
RECORDS: dict[SetName, int] = {"ptbxl": 90, "chapman": 12, "mimic": 40, "icbeb": 30}
STANDARD = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    folder = tmp_path_factory.mktemp("cohort")
    return folder, simulate_cohort(folder, RECORDS, seed=5)[0]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def hashes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): file_hash(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_bytes_do_not_depend_on_the_number_of_threads(tmp_path: Path) -> None:
    for threads in (1, 2):
        with threadpool_limits(threads):
            simulate_cohort(tmp_path / str(threads), {"icbeb": 64}, seed=0)
    assert hashes(tmp_path / "1") == hashes(tmp_path / "2")


def test_wfdb_reads_every_record_and_finds_its_checksums_right(cohort: tuple[Path, dict[str, int]]) -> None:
    folder, metrics = cohort
    seen = 0
    for name, records in RECORDS.items():
        headers = sorted((folder / name).rglob("*.hea"))
        assert len(headers) == records * (2 if name == "ptbxl" else 1)
        assert metrics[f"{name}_records"] == records
        for header in headers:
            record = wfdb.rdrecord(str(header.with_suffix("")), physical=False)
            assert record.d_signal.shape == (record.sig_len, 12)
            np.testing.assert_array_equal(record.d_signal[0], record.init_value)
            sums = record.d_signal.sum(axis=0, dtype=np.int64)
            assert not ((sums - np.array(record.checksum)) % 65536).any()
            assert record.d_signal.std(axis=0).min() > 0
            seen += 1
    assert seen == 90 * 2 + 12 + 40 + 30


@pytest.mark.parametrize(("gain", "text"), [(1000, "1000.0(0)/mV"), (200, "200.0(0)/mV")])
def test_dat_gives_the_signal_back_within_half_a_step(tmp_path: Path, gain: int, text: str) -> None:
    signal = np.random.default_rng(0).normal(0, 1, (12, 500)).astype(np.float32)
    write_dat(tmp_path, "r", quantise(signal, gain), STANDARD, 500, text)
    back = wfdb.rdrecord(str(tmp_path / "r"))
    assert np.abs(back.p_signal.T - signal).max() <= 0.5 / gain + 1e-6
    assert back.sig_name == STANDARD


def test_mat_gives_the_signal_back_within_half_a_step(tmp_path: Path) -> None:
    signal = np.random.default_rng(0).normal(0, 1, (12, 700)).astype(np.float32)
    write_mat(tmp_path, "A1", quantise(signal, 1000), STANDARD, 500, "", ["Age: 5"])
    back = wfdb.rdrecord(str(tmp_path / "A1"))
    assert np.abs(back.p_signal.T - signal).max() <= 0.5e-3 + 1e-6
    assert back.comments == ["Age: 5"]
    from scipy.io import loadmat

    np.testing.assert_array_equal(loadmat(tmp_path / "A1.mat")["val"], quantise(signal, 1000))


def test_what_lies_beyond_16_bits_is_clipped_and_never_the_mark_of_a_missing_sample() -> None:
    assert quantise(np.array([-50.0, 50.0]), 1000).tolist() == [-32767, 32767]


def test_quantised_leads_still_obey_einthoven(cohort: tuple[Path, dict[str, int]]) -> None:
    for name, names in (("ptbxl", ("I", "II", "III", "AVL", "AVF")), ("mimic", ("I", "II", "III", "aVL", "aVF"))):
        header = sorted((cohort[0] / name).rglob("*.hea"))[-1]
        record = wfdb.rdrecord(str(header.with_suffix("")), physical=False)
        one, two, three, avl, avf = (record.d_signal[:, record.sig_name.index(lead)].astype(int) for lead in names)
        assert np.abs(one + three - two).max() <= 2  # three roundings
        assert np.abs(2 * avl - 2 * one + two).max() <= 3
        assert np.abs(2 * avf - 2 * two + one).max() <= 3


def test_lead_order_and_gain_are_those_of_each_release(cohort: tuple[Path, dict[str, int]]) -> None:
    expected = {
        "ptbxl": ([lead.upper() for lead in STANDARD], 1000.0),
        "mimic": (["I", "II", "III", "aVR", "aVF", "aVL", *STANDARD[6:]], 200.0),
        "chapman": (STANDARD, 1000.0),
        "icbeb": (STANDARD, 1000.0),
    }
    for name, (leads, gain) in expected.items():
        header = wfdb.rdheader(str(sorted((cohort[0] / name).rglob("*.hea"))[0].with_suffix("")))
        assert header.sig_name == leads
        assert set(header.adc_gain) == {gain}


def test_ptbxl_tables(cohort: tuple[Path, dict[str, int]]) -> None:
    folder, metrics = cohort[0] / "ptbxl", cohort[1]
    rows = table(folder / "ptbxl_database.csv")
    assert [int(row["ecg_id"]) for row in rows] == list(range(1, 91))
    known = {row[""]: row for row in table(folder / "scp_statements.csv")}
    assert len(known) == 71
    assert known["IMI"]["diagnostic_class"] == "MI"
    assert known["SR"]["diagnostic"] == ""
    folds: dict[str, set[str]] = {}
    for row in rows:
        codes = ast.literal_eval(row["scp_codes"])
        assert codes
        assert set(codes) <= set(known)
        abnormal = any(known[code]["diagnostic"] for code in codes if code != "NORM") or set(WITHOUT_P) & set(codes)
        assert ("NORM" in codes) != bool(abnormal), codes
        folds.setdefault(row["patient_id"], set()).add(row["strat_fold"])
        fast = wfdb.rdrecord(str(folder / row["filename_hr"]))
        slow = wfdb.rdrecord(str(folder / row["filename_lr"]))
        assert (fast.fs, fast.sig_len, slow.fs, slow.sig_len) == (500, 5000, 100, 1000)
        smooth = np.apply_along_axis(np.convolve, 0, fast.p_signal, np.ones(5) / 5, "same")[::5]
        assert np.corrcoef(smooth[20:-20, 1], slow.p_signal[20:-20, 1])[0, 1] > 0.95
    assert all(len(each) == 1 for each in folds.values()), "a subject is in one fold"
    assert len(folds) == metrics["ptbxl_subjects"] < len(rows)


def test_mimic_tables(cohort: tuple[Path, dict[str, int]]) -> None:
    folder = cohort[0] / "mimic"
    records, measures = table(folder / "record_list.csv"), table(folder / "machine_measurements.csv")
    patients = {row["subject_id"]: row for row in table(folder / "patients.csv")}
    assert len(patients) == cohort[1]["mimic_subjects"] < len(records)
    truth = pl.read_parquet(folder / "ground_truth.parquet", columns=["record_id", "pr_ms"])
    pr_ms = dict(truth.iter_rows())
    assert any("fibrillation" in row["report_0"].lower() for row in measures)
    for record, measured in zip(records, measures, strict=True):
        subject, study = record["subject_id"], record["study_id"]
        assert record["path"] == f"files/p{subject[:4]}/p{subject}/s{study}/{study}"
        assert (measured["subject_id"], measured["study_id"]) == (subject, study)
        assert wfdb.rdheader(str(folder / record["path"])).sig_len == 5000
        assert measured["report_0"]
        assert patients[subject]["gender"] in "MF"
        assert (int(measured["p_onset"]) == 29999) == (pr_ms[study] is None)
        assert 60 < int(measured["qrs_end"]) - int(measured["qrs_onset"]) < 190
        assert record["ecg_time"][:4] == patients[subject]["anchor_year"]


def test_challenge_headers(cohort: tuple[Path, dict[str, int]]) -> None:
    classes = set(CPSC_CLASSES.values())
    lengths = []
    for header in sorted((cohort[0] / "icbeb").glob("A*.hea")):
        record = wfdb.rdheader(str(header.with_suffix("")))
        fields = dict(comment.split(": ") for comment in record.comments)
        assert set(fields["Dx"].split(",")) <= classes
        assert 18 <= int(fields["Age"]) <= 95
        assert fields["Sex"] in ("Male", "Female")
        lengths.append(record.sig_len / 500)
    assert len(set(lengths)) > 5
    assert 6 <= min(lengths) <= max(lengths) <= 60
    chapman = cohort[0] / "chapman"
    assert (chapman / "RECORDS").read_text() == "WFDBRecords/01/010/\n"
    assert "Dx: " in wfdb.rdheader(str(chapman / "WFDBRecords/01/010/JS00001")).comments[2]


def test_the_same_seed_gives_the_same_bytes_and_sets_do_not_depend_on_each_other(
    cohort: tuple[Path, dict[str, int]], tmp_path: Path
) -> None:
    figures, labels = simulate_cohort(tmp_path / "a", {"mimic": RECORDS["mimic"], "icbeb": RECORDS["icbeb"]}, seed=5)
    for name in ("mimic", "icbeb"):
        assert hashes(tmp_path / "a" / name) == hashes(cohort[0] / name)
    assert figures == {key: value for key, value in cohort[1].items() if key.startswith(("mimic", "icbeb"))}
    assert {label.dataset for label in labels} == {"mimic", "icbeb"}
    assert sum(label.records for label in labels if label.dataset == "icbeb") >= RECORDS["icbeb"]
    simulate_cohort(tmp_path / "b", {"icbeb": RECORDS["icbeb"]}, seed=6)
    assert hashes(tmp_path / "b" / "icbeb") != hashes(cohort[0] / "icbeb")


def test_unknown_sets_and_empty_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ptb_xl"):
        simulate_cohort(tmp_path, {"ptb_xl": 3}, 0)  # type: ignore[dict-item]
    with pytest.raises(ValueError, match=r"simulate\.records\.icbeb is 0"):
        simulate_cohort(tmp_path, {"icbeb": 0}, 0)
    assert not list(tmp_path.iterdir())


def test_every_fold_holds_every_superclass_and_one_tenth_of_the_subjects() -> None:
    rng = np.random.default_rng(0)
    owners = draw_owners(rng, 1200, "ptbxl")
    names = np.array(["CD", "HYP", "MI", "NORM", "STTC"])
    classes = [sorted({str(rng.choice(names, p=[0.2, 0.1, 0.2, 0.3, 0.2])) for _ in range(2)}) for _ in owners]
    folds = stratified_folds(rng, owners, classes)
    sizes = np.bincount(folds, minlength=11)[1:]
    assert sizes.min() > 0.8 * sizes.max()
    for name in names:
        held = {int(owner) for owner, each in zip(owners, classes, strict=True) if name in each}
        counts = np.bincount(folds[sorted(held)], minlength=11)[1:]
        assert counts.min() >= 0.6 * counts.max(), name


def test_default_cohort_populates_all_superclasses() -> None:
    rng = np.random.default_rng(0)
    owners = draw_owners(rng, 1200, "ptbxl")
    subjects = draw_subjects(rng, int(owners[-1]) + 1, "ptbxl")
    present = draw_conditions(rng, subjects, "ptbxl")
    batch = next(draw_batches(rng, subjects, owners[:1], "ptbxl", np.full(1, 10.0)))
    assert batch.drawn.clean_mV.shape == (1, 12, 5000)
    codes = [labels.scp_codes(rng, each, np.full(len(CONDITIONS), 0.5)) for each in present]
    expected = {"NORM": (0.35, 0.52), "MI": (0.15, 0.32), "STTC": (0.15, 0.28), "CD": (0.15, 0.28), "HYP": (0.08, 0.18)}
    for name, (low, high) in expected.items():
        assert low < np.mean([name in labels.superclasses(each) for each in codes]) < high, name


def test_labels_of_a_normal_and_of_a_many_sided_record() -> None:
    rng = np.random.default_rng(0)
    normal = np.zeros(len(CONDITIONS), bool)
    normal[INDEX["SR"]] = True
    codes = labels.scp_codes(rng, normal, np.full(len(CONDITIONS), 0.5))
    assert set(codes) == {"NORM", "SR"}
    assert labels.cpsc_codes(normal) == ["426783006"]
    assert labels.mimic_statements(rng, normal)[-1].lower().endswith("normal ecg")
    assert "abnormal" not in labels.mimic_statements(rng, normal)[-1].lower()
    several = np.zeros(len(CONDITIONS), bool)
    several[[INDEX["AFIB"], INDEX["LVH"], INDEX["CRBBB"]]] = True
    assert {"AFIB", "LVH", "CRBBB"} <= set(labels.scp_codes(rng, several, np.ones(len(CONDITIONS)) * 0.99))
    assert labels.cpsc_codes(several) == ["164889003", "59118001"]
    assert "abnormal ecg" in labels.mimic_statements(rng, several)[-1].lower()


def test_every_code_is_known_and_every_mimic_wording_is_real() -> None:
    assert {condition.scp for condition in CONDITIONS if condition.scp} | {"NORM"} == set(scp_statements())
    if not REAL.exists():
        pytest.skip("../shared/real is not here: the carts' statements cannot be compared")
    written = set((REAL / "mimic_iv_ecg_statements.txt").read_text(encoding="utf-8").splitlines())
    assert {wording for condition in CONDITIONS for wording in condition.mimic} <= written
    numbers = (REAL / "meta/dx_mapping_scored.csv").read_text() + (REAL / "meta/dx_mapping_unscored.csv").read_text()
    for condition in CONDITIONS:
        for entry in condition.snomed:
            assert all(f",{code}," in numbers for code in entry.split(",")), condition.name


@pytest.mark.skipif(not REAL.exists(), reason="../shared/real is not here")
def test_columns_are_those_of_the_real_ptbxl(cohort: tuple[Path, dict[str, int]]) -> None:
    ours = (cohort[0] / "ptbxl/ptbxl_database.csv").read_text().splitlines()[0]
    theirs = (REAL / "ptb-xl/ptbxl_database.csv").read_text().splitlines()[0]
    assert ours == theirs
    mimic = (cohort[0] / "mimic/machine_measurements.csv").read_text().splitlines()[0].split(",")
    real = (REAL / "meta/mimic_iv_ecg_measurements_2000.csv").read_text().splitlines()[0].split(",")
    assert [each for each in mimic if not each.startswith("report_")] == [
        each for each in real if not each.startswith("report_")
    ]
