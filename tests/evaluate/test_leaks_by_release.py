"""What was pretrained on under another name, at another rate or in another layout is no test."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from esi import params
from esi.ecg.ingest import ingest
from esi.evaluate.contamination import ContaminationError, refuse_contaminated
from esi.evaluate.ecg_set import EcgSet
from esi.model.esi import ESI
from esi.model.manifest import manifest
from esi.pairs.build import LeakError, build_pairs, read_records
from esi.settings.data import Folds, Ingest
from esi.simulate.releases.cohort import simulate_cohort
from tests.conftest import ROOT
from tests.ecg.test_ingest import LIMITS, settings
from tests.evaluate.tiny_sets import SIGNAL

ALL = list(range(1, 11))
TRAIN, TEST = Folds(train=ALL, validation=[], test=[]), Folds(train=[], validation=[], test=ALL)
RECORDS = 10
Alone = Callable[[pl.DataFrame], pl.DataFrame]
BY: dict[str, Alone] = {  # the same records, known by one thing alone
    "people": lambda of: of.with_columns(signal_hash=pl.col("record_id") + "?", signal_shapes=pl.lit(None, pl.Binary)),
    "signals": lambda of: of.with_columns(people=pl.concat_list(pl.col("record_id") + " of nobody")),
}


@pytest.fixture
def ptbxl(real: Path, tmp_path: Path, own_cache: Path) -> Path:
    """The first records of PTB-XL that are there at both rates."""
    root, theirs = tmp_path / "ptb-xl", real / "ptb-xl"
    root.mkdir()
    for name in ("records100", "records500", "scp_statements.csv"):
        (root / name).symlink_to(theirs / name)
    with (theirs / "ptbxl_database.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    some = [row for row in rows if (theirs / f"{row['filename_hr']}.hea").exists() and row["patient_id"]][:RECORDS]
    with (root / "ptbxl_database.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(some)
    return root


def as_challenge(ptbxl: Path, folder: Path) -> Path:
    """The same records as the Challenge distributes them."""
    folder.mkdir()
    for header in sorted((ptbxl / "records500").rglob("*_hr.hea")):
        number = header.stem[:5]
        if not any(line.startswith(f"{int(number)},") for line in (ptbxl / "ptbxl_database.csv").read_text().splitlines()):
            continue
        text = header.read_text().replace(f"{number}_hr.dat", f"HR{number}.dat").replace(f"{number}_hr", f"HR{number}")
        (folder / f"HR{number}.hea").write_text(f"{text.rstrip()}\n#Age: 60\n#Sex: Male\n#Dx: 426783006\n")
        (folder / f"HR{number}.dat").symlink_to(header.with_suffix(".dat").resolve())
    return folder


def read(folder: Path, name: str, release: Ingest) -> None:
    (folder / name).mkdir(parents=True)
    ingest(name, release, LIMITS, folder / name, workers=1)


def trained_on(folder: Path, *names: str) -> ESI:
    return cast(ESI, SimpleNamespace(trained_on=manifest(read_records(folder, names).to_arrow())))


def check(model: ESI, folder: Path, name: str, alone: Alone = lambda records: records) -> None:
    records = alone(EcgSet(name, folder, SIGNAL, 4).records)
    refuse_contaminated(model, Path("data/model"), name, records)


@pytest.mark.parametrize("known_by", BY)
def test_the_same_release_under_another_name_at_another_rate(ptbxl: Path, tmp_path: Path, known_by: str) -> None:
    ecg = tmp_path / "ecg"
    read(ecg, "ptbxl", settings(ptbxl, "ptbxl", rate=500, folds=TRAIN))
    read(ecg, "real", settings(ptbxl, "ptbxl", rate=100, folds=TEST))
    model = trained_on(ecg, "ptbxl")
    signals = {"people": 0, "signals": RECORDS}[known_by]
    with pytest.raises(ContaminationError, match=rf"trained on \d+ subjects and {signals} signals of real's test"):
        check(model, ecg, "real", BY[known_by])
    with pytest.raises(ContaminationError, match=r"subjects and 10 signals of real's test .* ingest\.real\.release"):
        check(model, ecg, "real")


@pytest.mark.parametrize("known_by", BY)
def test_the_challenges_copy_of_a_release(ptbxl: Path, tmp_path: Path, known_by: str) -> None:
    ecg = tmp_path / "ecg"
    read(ecg, "copy", settings(as_challenge(ptbxl, tmp_path / "copy"), "challenge", folds=TRAIN))
    read(ecg, "ptbxl", settings(ptbxl, "ptbxl", rate=100, folds=TEST))
    assert read_records(ecg, ["copy"]).height == RECORDS
    with pytest.raises(ContaminationError, match="ptbxl's test records"):
        check(trained_on(ecg, "copy"), ecg, "ptbxl", BY[known_by])


def build(ecg: Path, sets: list[str], *every: str) -> dict[str, Any]:
    wanted = params.load(ROOT / "params.yaml").pairs.model_copy(update={"sets": sets, "validation_share": 0.0})
    return build_pairs(read_records(ecg, every), {}, wanted, lambda text: len(text.split()))[1]


def test_pairs_leave_the_recordings_out_and_refuse_the_people(ptbxl: Path, tmp_path: Path) -> None:
    ecg = tmp_path / "ecg"
    half = Folds(train=[1, 2, 3, 4, 5, 6, 7, 8, 10], validation=[], test=[9])
    read(ecg, "ptbxl", settings(ptbxl, "ptbxl", rate=100, folds=half))
    read(ecg, "real", settings(ptbxl, "ptbxl", rate=500, folds=TEST))
    read(ecg, "same", settings(ptbxl, "ptbxl", rate=500, folds=half))
    held_out = read_records(ecg, ["same"]).filter(pl.col("split") == "test").height
    assert 0 <= held_out < RECORDS
    assert build(ecg, ["ptbxl"], "ptbxl", "same")["duplicates_of_held_out"] == 0, "the release's folds agree"
    with pytest.raises(ValueError, match="no record of"):  # every recording is held out
        build(ecg, ["ptbxl"], "ptbxl", "real")
    for part in (ecg / "real").glob("part-*.parquet"):
        pl.read_parquet(part).with_columns(signal_shapes=pl.lit(None, pl.Binary)).write_parquet(part)
    with pytest.raises(LeakError, match=rf"'subjects': {RECORDS - held_out}, .* ingest.<set>.release of its own"):
        build(ecg, ["ptbxl"], "ptbxl", "real")


def test_a_simulated_cohort_is_none_of_the_real_release(tmp_path: Path, own_cache: Path) -> None:
    ecg = tmp_path / "ecg"
    for name, seed in (("one", 1), ("two", 2)):
        simulate_cohort(tmp_path / name, {"ptbxl": 12}, seed=seed)
    read(ecg, "simulated", settings(tmp_path / "one/ptbxl", "ptbxl", rate=500, folds=TRAIN))
    read(ecg, "again", settings(tmp_path / "one/ptbxl", "ptbxl", rate=100, folds=TEST))
    read(ecg, "other", settings(tmp_path / "two/ptbxl", "ptbxl", rate=100, folds=TEST))
    os.remove(tmp_path / "two/ptbxl/ground_truth.parquet")  # as if real, with the same patient_ids
    read(ecg, "real", settings(tmp_path / "two/ptbxl", "ptbxl", rate=100, folds=TEST))
    model = trained_on(ecg, "simulated")
    for name in ("other", "real"):
        check(model, ecg, name)
    with pytest.raises(ContaminationError, match=r"subjects and 12 signals of again's test records"):
        check(model, ecg, "again")
    assert model.trained_on is not None
    model.trained_on = model.trained_on.replace_schema_metadata(None)
    with pytest.raises(ContaminationError, match="by the names of the data sets alone, .* pretrain it anew"):
        check(model, ecg, "other")


def test_two_hospitals_whose_ids_agree_are_refused_until_they_are_told_apart(tmp_path: Path, own_cache: Path) -> None:
    ecg = tmp_path / "ecg"
    columns = {"record": "record", "labels": "labels", "subject": "subject"}
    simulate_cohort(tmp_path, {"icbeb": 12}, seed=3)
    (tmp_path / "icbeb/ground_truth.parquet").unlink()
    for name, start, folds, release in (("a", 1, TRAIN, None), ("b", 7, TEST, None), ("c", 7, TEST, "hospital c")):
        root = tmp_path / name
        root.mkdir()
        rows = ["record,labels,subject"]
        for number in range(6):
            header = (tmp_path / f"icbeb/A{start + number:04d}.hea").read_text()
            (root / f"ecg{number}.hea").write_text(header.replace(f"A{start + number:04d} ", f"ecg{number} "))
            (root / f"A{start + number:04d}.mat").symlink_to(tmp_path / f"icbeb/A{start + number:04d}.mat")
            rows.append(f"ecg{number},sinus rhythm,{number}")
        (root / "labels.csv").write_text("\n".join(rows) + "\n")
        others = {"table": "labels.csv", "columns": columns, "separator": ";", "labels_are": "text", "release": release}
        read(ecg, name, settings(root, "wfdb-folder", folds=folds, **others))
    model = trained_on(ecg, "a")
    with pytest.raises(ContaminationError, match=r"6 subjects and 0 signals of b's test .* give ingest\.b\.release a name"):
        check(model, ecg, "b")
    check(model, ecg, "c")
    assert build(ecg, ["a"], "a", "c")["pairs"] == 6
    with pytest.raises(LeakError, match="'subjects': 6"):
        build(ecg, ["a"], "a", "b")
