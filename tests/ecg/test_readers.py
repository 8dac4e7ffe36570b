from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from esi.ecg.entries import ReleaseError
from esi.ecg.readers import challenge, mimic, ptbxl


def test_ptbxl_real_rows(real: Path) -> None:
    entries = ptbxl.entries(real / "ptb-xl", 100)
    assert len(entries) == 1732
    first = entries[0]
    assert (first.record_id, first.subject_id, first.age, first.sex, first.fold) == ("1", "15709", 56.0, "female", 3)
    assert first.codes == ("NORM", "LVOLT", "SR")
    assert first.statements[0] == "normal ECG"
    assert first.header.exists()
    assert ptbxl.entries(real / "ptb-xl", 500)[0].header.name == "00001_hr.hea"
    table = pl.read_csv(real / "ptb-xl/ptbxl_database.csv", infer_schema_length=None)
    over_89 = table.filter(pl.col("age") == 300)["ecg_id"].to_list()
    assert over_89
    assert {entry.age for entry in entries if int(entry.record_id) in over_89} == {90.0}
    anonymous = table.filter(pl.col("patient_id").is_null())["ecg_id"].to_list()
    assert len({entry.subject_id for entry in entries if int(entry.record_id) in anonymous}) == len(anonymous) > 0


def test_ptbxl_missing_or_foreign_table_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"ptbxl_database.csv is missing .*download PTB-XL"):
        ptbxl.entries(tmp_path, 100)
    (tmp_path / "ptbxl_database.csv").write_text("ecg_id,age\n1,50\n")
    with pytest.raises(ReleaseError, match="columns .*'scp_codes'.* are missing"):
        ptbxl.entries(tmp_path, 100)


def test_challenge_real_headers(real: Path) -> None:
    icbeb = {entry.record_id: entry for entry in challenge.entries(real / "cinc2021/cpsc_2018")}
    assert len(icbeb) == 99
    assert icbeb["A0001"].codes == ("59118001",)  # its header says RBBB in letters
    assert icbeb["A0001"].statements == ("right bundle branch block",)
    assert (icbeb["A0001"].age, icbeb["A0001"].sex) == (74.0, "male")
    chapman = {entry.record_id: entry for entry in challenge.entries(real / "cinc2021/chapman_shaoxing")}
    assert chapman["JS00001"].codes == ("164889003", "59118001", "164934002")
    assert chapman["JS00001"].statements == ("atrial fibrillation", "right bundle branch block", "T wave abnormal")


def test_challenge_empty_or_absent_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"holds no \.hea file"):
        challenge.entries(tmp_path)
    with pytest.raises(ReleaseError, match="is missing .*download the set"):
        challenge.entries(tmp_path / "absent")


@pytest.mark.parametrize(
    ("age", "years"), [("85", 85.0), ("NaN", None), ("", None), ("-1", None), ("300", None), ("Unknown", None)]
)
def test_challenge_age(tmp_path: Path, age: str, years: float | None) -> None:
    (tmp_path / "r.hea").write_text(
        f"r 1 500 10\nr.mat 16+24 1000/mV 16 0 0 0 0 I\n# Age: {age}\n#Sex: F\n#Dx: 426783006,1\n"
    )
    entry = challenge.entries(tmp_path)[0]
    assert (entry.age, entry.sex, entry.codes, entry.statements) == (years, "female", ("426783006", "1"), ("sinus rhythm",))


def write_mimic(folder: Path) -> None:
    (folder / "record_list.csv").write_text(
        "subject_id,study_id,file_name,ecg_time,path\n"
        "10000032,40689238,40689238,2180-07-23 08:44:00,files/p1000/p10000032/s40689238/40689238\n"
        "10000117,42402632,42402632,2181-01-05 09:00:00,files/p1000/p10000117/s42402632/42402632\n"
    )
    reports = ",".join(f"report_{number}" for number in range(18))
    (folder / "machine_measurements.csv").write_text(
        f"subject_id,study_id,cart_id,ecg_time,{reports},bandwidth\n"
        '10000032,40689238,1,2180-07-23 08:44:00,Sinus rhythm,"Possible LVH, age undetermined",,Abnormal ECG'
        f"{',' * 15}0.05-150 Hz\n"
    )
    (folder / "patients.csv").write_text(
        "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n10000032,F,52,2178,2014 - 2016,\n"
    )


def test_mimic(tmp_path: Path) -> None:
    write_mimic(tmp_path)
    first, second = mimic.entries(tmp_path, tmp_path / "patients.csv")
    assert (first.record_id, first.subject_id, first.age, first.sex) == ("40689238", "10000032", 54.0, "female")
    assert first.statements == ("Sinus rhythm", "Possible LVH, age undetermined", "Abnormal ECG")
    assert first.header == tmp_path / "files/p1000/p10000032/s40689238/40689238.hea"
    assert (second.age, second.sex, second.statements) == (None, None, ())
    assert mimic.entries(tmp_path, None)[0].age is None


def test_mimic_missing_tables_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"record_list.csv is missing .*download MIMIC-IV-ECG"):
        mimic.entries(tmp_path, None)
    write_mimic(tmp_path)
    with pytest.raises(ReleaseError, match=r"hosp/patients.csv.gz of MIMIC-IV"):
        mimic.entries(tmp_path, tmp_path / "nobody.csv")
