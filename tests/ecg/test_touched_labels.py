"""Labels as spreadsheets and reports leave them: put right where that is certain, said where it is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from esi.ecg.entries import ReleaseError
from esi.ecg.readers import challenge, cpsc2018, ptbxl, wfdb_folder
from esi.ecg.readers.cells import lost_digits, number, plain, whole
from esi.ecg.readers.free_text import split_statements
from esi.ecg.reference import scp_statements, snomed_descriptions
from esi.ecg.statements.wording import normalise
from esi.ecg.vocabulary import vocabulary
from esi.errors import shown
from tests.ecg.test_readers_cpsc2018 import write as write_cpsc2018
from tests.ecg.test_readers_ptbxl import HEADER
from tests.ecg.test_readers_wfdb_folder import settings
from tests.ecg.test_readers_wfdb_folder import write as write_folder

CODES = st.sampled_from(sorted(snomed_descriptions()))
GAPS = st.text(" \t\u00a0\u202f\u2009\u200b\ufeff", max_size=3)


def grouped(code: str, mark: str) -> str:
    return f"{int(code):,}".replace(",", mark)


@given(code=CODES, before=GAPS, after=GAPS, form=st.integers(0, 13))
@example(code="368009", before="", after="", form=5)
def test_a_touched_code_is_the_code(code: str, before: str, after: str, form: int) -> None:
    digits = len(code) - 1
    forms = [
        f"{code}.0", f"{code}.00", f"{code},0", f"{code[0]}.{code[1:]}E{digits}", f"{code[0]},{code[1:]}e+{digits:02}",
        grouped(code, ","), grouped(code, "."), grouped(code, " "), grouped(code, "\u00a0"), grouped(code, "’"),
        f"'{code}", f'="{code}"', f"“{code}”", code.translate({ord(str(n)): 0xFF10 + n for n in range(10)}),
    ]  # fmt: skip
    one_group = form in range(5, 10) and len(code) <= 6  # 368,009 may be 368 as well
    assert whole(f"{before}{forms[form]}{after}") == (None if one_group else code)
    assert not lost_digits(forms[form])


@given(code=CODES, kept=st.integers(0, 6))
def test_a_code_without_its_last_digits_is_none(code: str, kept: int) -> None:
    shortened = f"{code[0]}.{code[1 : 1 + min(kept, len(code) - 2)]}".rstrip(".") + f"E+{len(code) - 1:02}"
    assert whole(shortened) is None
    assert lost_digits(shortened)


@pytest.mark.parametrize("text", ["426,000", "426.783", "1.5", "", "e8", "-5", "426783006 164889003", "4267830O6", "1e400"])
def test_what_may_be_another_number_is_none(text: str) -> None:
    assert whole(text) is None


def test_numbers_and_texts_of_cells() -> None:
    assert [number(text) for text in ("64", " 64,5 ", "6.4E1", "'64")] == [64, 64.5, 64, 64]
    with pytest.raises(ValueError, match="could not convert"):
        number("1.234,5")
    assert plain("\u00a0“I‑AVB”\u200b ") == "I-AVB"
    assert shown("a\x1b[31m\nb" + "c" * 200) == "a [31m b" + "c" * 69 + "..."


TOUCHED = ["426783006.0", "4.26783006E8", "'426783006", " 426783006\u00a0", "“426783006”"]


@pytest.mark.parametrize("code", [*TOUCHED, "426,783,006", "426783006|164889003", "426783006, 164889003"])
def test_touched_snomed_codes_keep_their_statements(tmp_path: Path, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_folder(tmp_path, f'a,"{code}"', header="record,labels")
    entries = wfdb_folder.entries(settings(tmp_path, labels_are="snomed"))
    both = "164889003" in code
    assert entries["codes"].to_list() == [["426783006", "164889003"] if both else ["426783006"]]
    assert entries["statements"].to_list() == [["sinus rhythm", "atrial fibrillation"] if both else ["sinus rhythm"]]
    assert "give no statement" not in capsys.readouterr().err


@pytest.mark.parametrize("code", [*TOUCHED, "Normal", "normal", '"426783006,270492004"', "426783006;I\u2011AVB"])
def test_touched_codes_of_headers_keep_their_statements(tmp_path: Path, code: str) -> None:
    (tmp_path / "r.hea").write_text(f"r 1 500 10\nr.mat 16+24 1000/mV 16 0 0 0 0 I\n#Dx: {code}\n", encoding="utf-8")
    both = ["426783006", "270492004"]
    assert challenge.entries(tmp_path)["codes"].to_list() == [both if "," in code or ";" in code else both[:1]]


@pytest.mark.parametrize(
    "codes",
    [
        "{'NORM': 80.0, 'SR': 0.0}",
        "{‘NORM’: 80.0, ‘SR’: 0.0}",
        '{""NORM"": 80.0, ""SR"": 0.0}',
        "{'norm': 80,0, 'sr ': 0,0}",
        "{'NORM':\u00a080.0, 'SR': '0.0'}",
        "'{'NORM': 80.0, 'SR': 0.0}",
        '""{“NORM”: 80, “SR”: 0}""',
        "{´NORM´: 80., `SR`: .0}",
    ],
)
def test_touched_scp_codes_keep_their_statements(tmp_path: Path, codes: str) -> None:
    (tmp_path / "records100").mkdir()
    row = f'7.0,15709.0,50,0.0,"{codes}",3.0,records100/00007_lr,records500/00007_hr'
    (tmp_path / "ptbxl_database.csv").write_text(f"{HEADER}\n{row}\n", encoding="utf-8")
    (found,) = ptbxl.entries(tmp_path, 100).iter_rows(named=True)
    assert found["fault"] is None
    assert (found["record_id"], found["subject_id"], found["fold"], found["sex"]) == ("7", "15709", 3, "male")
    assert (found["codes"], found["likelihoods"]) == (["NORM", "SR"], [80.0, 0.0])


def test_touched_class_numbers_keep_their_statements(tmp_path: Path) -> None:
    write_cpsc2018(tmp_path, "A0001,5.0,,", 'A0002,"5,0",nan,', "A0003,'5,,")
    assert cpsc2018.entries(tmp_path)["codes"].to_list() == [["59118001"]] * 3


def test_every_code_is_known_in_any_case() -> None:
    for codes in (scp_statements(), snomed_descriptions()):
        assert len({code.casefold() for code in codes}) == len(codes)


@pytest.mark.parametrize(
    ("kind", "labels"), [("snomed", "4.26783E+08;1.64889E+08"), ("snomed", "Vorhofflimmern"), ("scp", "426783006")]
)
def test_a_set_without_one_known_code_is_refused(tmp_path: Path, kind: str, labels: str) -> None:
    write_folder(tmp_path, f"a,{labels}", f"b,{labels}", header="record,labels")
    words = (
        rf"labels.csv: not one of its \d codes is in data/reference/{kind}_statements.csv, .*{re.escape(labels[-9:])} \(2 "
    )
    with pytest.raises(ReleaseError, match=words) as caught:
        wfdb_folder.entries(settings(tmp_path, labels_are=kind))
    assert ("have lost digits in a spreadsheet: export that column as text" in str(caught.value)) == ("E+" in labels)


def test_the_share_of_unknown_codes_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_folder(tmp_path, "a,426783006.0;4.26783E+08", "b,426783006;999", header="record,labels")
    entries = wfdb_folder.entries(settings(tmp_path, labels_are="snomed"))
    assert entries["statements"].to_list() == [["sinus rhythm"]] * 2
    said = capsys.readouterr().err
    assert "2 codes are not in data/reference/snomed_statements.csv and give no statement (2 of 4 labels, 50.0%)" in said
    assert "1 such as 4.26783E+08 have lost digits" in said


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("sinus rhythm. left axis deviation. t wave inversion in V5/V6", 3),
        ("Atrial fibrillation. Rapid ventricular response! LVH.", 3),
        ("Sinus rhythm.Left axis deviation", 2),
        ("Sinus rhythm; LVH\nleft axis deviation", 3),
        ("1. sinus rhythm\n2. left axis deviation", 2),
        ("1. sinus rhythm 2. left axis deviation", 2),
        ("- atrial fibrillation\n- right bundle branch block", 2),
        ("first degree AV block. LBBB. old inferior infarct", 3),
        ("low QRS voltages in aVL. T wave inversion in II, III. sinus bradycardia", 3),
        ("sinus rhythm", 1),
        ("Possible anterior infarct, age undetermined", 1),
        ("1st deg. AV block", 1),
        ("Inf. infarct, old", 1),
        ("I. V. conduction delay", 1),
        ("prob. normal variant", 1),
        ("AV block II. degree", 1),
        ("PR 0.12. QRS 0.10", 1),
    ],
)
def test_free_text_becomes_statements_where_that_is_certain(text: str, statements: int) -> None:
    found = split_statements(text)
    assert len(found) == statements
    assert "".join(re.findall(r"\w", "".join(found))) == "".join(re.findall(r"\w", re.sub(r"(^|\s)\d\.\s", " ", text)))
    if statements > 1:
        assert all(vocabulary().claims("statement", normalise(each)) for each in found), found


@given(st.text(max_size=60))
def test_no_letter_of_any_text_is_lost(text: str) -> None:
    def letters(text: str) -> list[str]:
        return [char for char in text if char.isalpha()]

    assert letters("".join(split_statements(text))) == letters(text)


def test_no_canonical_statement_is_divided(real: Path) -> None:
    """Of MIMIC's statements those with a full stop inside alone, and each at a sentence's end."""
    lines = (real / "mimic_iv_ecg_statements.txt").read_text().splitlines()
    divided = [line for line in lines if len(split_statements(line)) > 1]
    assert all(re.search(r"[.;!]", line) for line in divided)


def test_a_record_whose_name_became_a_number_is_found(tmp_path: Path) -> None:
    for name in ("1000001", "1000002", "3.0"):
        (tmp_path / f"{name}.hea").touch()
    (tmp_path / "labels.csv").write_text("record,labels\n1000001.0,x\n1.000002E6,x\n3.0,x\n4.0,x\n")
    assert wfdb_folder.entries(settings(tmp_path))["record_id"].to_list() == ["1000001", "1000002", "3.0", "4.0"]
