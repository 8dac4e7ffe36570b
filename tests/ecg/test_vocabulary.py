from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from esi.ecg.reference import cpsc_classes, scp_statements, snomed_descriptions
from esi.ecg.statements.kinds import kind_of
from esi.ecg.statements.wording import normalise
from esi.ecg.vocabulary import SCHEMES, Claim, concepts_of, read, vocabulary
from esi.errors import EsiError

CONCEPTS = "concept,name,category,broader\na,thing a,rhythm,\nb,thing b,rhythm,a\n"
MAPPING = "scheme,code,concept,certainty,note\nscp,AFIB,a,definite,\nstatement,sinus rhythm,b,definite,\n"


def _codes() -> dict[str, dict[str, str]]:
    """Description by code, by scheme."""
    return {
        "scp": {code: item.description for code, item in scp_statements().items()},
        "snomed": dict(snomed_descriptions()),
        "cpsc": {item.code: item.description for item in cpsc_classes().values()},
    }


@pytest.mark.parametrize("scheme", ["scp", "snomed", "cpsc"])
def test_every_code_is_mapped_or_listed_with_a_reason(scheme: str) -> None:
    assert [code for code in _codes()[scheme] if (scheme, code) not in vocabulary().mapping] == []


@pytest.mark.parametrize("scheme", ["scp", "snomed", "cpsc"])
def test_a_code_and_its_description_say_the_same(scheme: str) -> None:
    said = {
        code: (set(vocabulary().claims(scheme, code)), set(vocabulary().claims("statement", normalise(description))))
        for code, description in _codes()[scheme].items()
    }
    assert {code: both for code, both in said.items() if both[0] != both[1]} == {}


def test_every_concept_is_said_by_some_code_or_statement() -> None:
    said = {claim.concept.replace("{region}", "*") for claims in vocabulary().mapping.values() for claim in claims}
    assert [slug for slug in vocabulary().concepts if not any(fnmatch(slug, each) for each in said)] == []


def test_codes_of_the_classes_that_all_sets_share() -> None:
    shared = {
        "atrial_fibrillation": [
            ("scp", "AFIB"),
            ("snomed", "164889003"),
            ("cpsc", "AF"),
            ("statement", "atrial fibrillation"),
        ],
        "first_degree_av_block": [("scp", "1AVB"), ("snomed", "270492004"), ("cpsc", "I-AVB")],
        "ventricular_premature_complexes": [
            ("scp", "PVC"),
            ("snomed", "427172004"),
            ("snomed", "17338001"),
            ("cpsc", "PVC"),
        ],
        "left_bundle_branch_block": [("snomed", "164909002"), ("cpsc", "LBBB"), ("statement", "left bundle branch block")],
        "complete_left_bundle_branch_block": [("scp", "CLBBB"), ("snomed", "733534002")],
        "inferior_myocardial_infarction": [
            ("scp", "IMI"),
            ("statement", "inferior myocardial infarction, age undetermined"),
        ],
    }
    for concept, codes in shared.items():
        assert {code: concepts_of(*code) for code in codes} == dict.fromkeys(codes, (concept,))


@pytest.mark.parametrize(
    ("wording", "said"),
    [
        ("Atrial fibrillation with rapid ventricular response with PVCs",
         "atrial_fibrillation rapid_ventricular_response ventricular_premature_complexes"),
        ("Possible atrial flutter with PVC(s)", "atrial_flutter?possible ventricular_premature_complexes"),
        ("Atrial fibrillation with PVCs or aberrant ventricular conduction",
         "atrial_fibrillation ventricular_premature_complexes?possible aberrant_conduction?possible"),
        ("with fusion complexes or aberrant ventricular conduction",
         "fusion_complexes?possible aberrant_conduction?possible"),
        ("Old inferior and anteroseptal infarct",
         "inferior_myocardial_infarction anteroseptal_myocardial_infarction old_myocardial_infarction"),
        ("Extensive anterior infarct, old", "extensive_anterior_myocardial_infarction old_myocardial_infarction"),
        ("Inferior ST depression", "inferior_st_depression"),
        ("Lateral ST depression", "st_depression"),
        ("Septal+lateral ST-T changes suggest myocardial injury/ischemia",
         "st_t_changes myocardial_injury?possible septal_ischemia?possible lateral_ischemia?possible"),
        ("Extensive ST changes suggest myocardial ischemia", "st_changes myocardial_ischemia?probable"),
        ("Posterior ST changes suggest myocardial ischemia", ""),
        ("Probable extensive infarct with acute inferior changes",
         "extensive_myocardial_infarction?probable acute_myocardial_infarction?probable"),
        ("LAD, consider LAFB or inferior infarct",
         "left_axis_deviation left_anterior_fascicular_block?possible inferior_myocardial_infarction?possible"),
        ("QRS changes in V2 probably due to LVH but consider septal infarct",
         "left_ventricular_hypertrophy?probable septal_myocardial_infarction?possible"),
        ("Consider anterior infarction though changes may be due to LVH",
         "anterior_myocardial_infarction?possible left_ventricular_hypertrophy?possible"),
        ("Strongly suggests pericarditis", "pericarditis?probable"),
        ("No inferior infarct", ""),
        ("Inferior infarct or something new", ""),
        ("Probable old inferior infarct", "inferior_myocardial_infarction?probable old_myocardial_infarction?probable"),
        ("*** LATERAL INFARCT - POSSIBLY ACUTE ***", "lateral_myocardial_infarction acute_myocardial_infarction?possible"),
        ("Possible anterior infarct, Q waves in inferior leads", "anterior_myocardial_infarction?possible q_waves?possible"),
        ("Abnormal T, consider ischemia, lateral leads", "t_wave_abnormality lateral_ischemia?possible"),
        ("Sinus rhythm with borderline 1st degree A-V block", "sinus_rhythm"),
        ("with rapid ventricular response", "rapid_ventricular_response"),
        ("Sinus rhythm, sinus rhythm", "sinus_rhythm"),
        ("Borderline first degree A-V block", ""),
        ("Sinus rhythm with something new", ""),
        ("No atrial fibrillation", ""),
        ("Sinus or ectopic atrial rhythm", "sinus_rhythm?possible ectopic_atrial_rhythm?possible"),
        ("Anterior T wave changes are normal for age", ""),
    ],
)  # fmt: skip
def test_what_statements_say(wording: str, said: str) -> None:
    claims = vocabulary().claims("statement", normalise(wording))
    assert [f"{c.concept}?{c.certainty}".removesuffix("?definite") for c in claims] == said.split()


def test_qualified_statements_of_mimic_say_nothing_definite(real: Path) -> None:
    raw = (real / "mimic_iv_ecg_statements.txt").read_text(encoding="utf-8").splitlines()
    findings = {text for text in map(normalise, raw) if kind_of(text) == "finding"}
    qualified = [
        text
        for text in findings
        if text.startswith(("possible ", "probable ", "consider ", "cannot rule out ", "suggests "))
    ]
    alone = [text for text in qualified if not re.search(" with | also present", text)]
    assert len(alone) > 90
    assert [text for text in alone if concepts_of("statement", text)] == []
    mapped = sum(bool(vocabulary().claims("statement", text)) for text in findings)
    assert (len(findings), mapped) == (1897, 1695)


def test_broader_concepts() -> None:
    assert vocabulary().with_broader("complete_right_bundle_branch_block") == (
        "complete_right_bundle_branch_block",
        "right_bundle_branch_block",
        "bundle_branch_block",
    )


def test_an_unknown_scheme_or_code() -> None:
    assert concepts_of("scp", "NOSUCH") == ()
    with pytest.raises(EsiError, match="no scheme 'icd'.*scp, snomed, cpsc, statement"):
        vocabulary().claims("icd", "I48")
    assert SCHEMES == ("scp", "snomed", "cpsc", "statement")


def _read(folder: Path, concepts: str = CONCEPTS, mapping: str = MAPPING):
    (folder / "concepts.csv").write_text(concepts)
    (folder / "mapping.csv").write_text(mapping)
    return read(folder)


def test_small_tables(tmp_path: Path) -> None:
    tables = _read(
        tmp_path, mapping=MAPPING + "statement,age undetermined,,,unknown\nscp,SR,a,possible,why\nscp,SR,b,definite,\n"
    )
    assert tables.claims("scp", "SR") == (Claim("a", "possible"), Claim("b", "definite"))
    assert tables.claims("statement", "sinus rhythm, age undetermined") == (Claim("b", "definite"),)
    assert tables.mapping["statement", "age undetermined"] == ()


@pytest.mark.parametrize(
    ("concepts", "mapping", "sentence"),
    [
        (CONCEPTS + "a,again,rhythm,\n", MAPPING, "line 4: concept 'a' stands there twice"),
        (CONCEPTS + "C d,name,rhythm,\n", MAPPING, "line 4: concept 'C d' needs a slug"),
        (CONCEPTS + "c,name,rhythm,zz\n", MAPPING, "'c' names the broader concept 'zz'"),
        (CONCEPTS + "c,name,rhythm,d\nd,name,rhythm,c\n", MAPPING, "'c' is broader than itself"),
        (CONCEPTS + "c,name\n", MAPPING, "line 4 has 2 cells, not 4"),
        ("concept,name\n", MAPPING, "its first line must be concept,name,category,broader"),
        (CONCEPTS, MAPPING + "icd,I48,a,definite,\n", "line 4: no scheme 'icd'"),
        (CONCEPTS, MAPPING + "scp,NOSUCH,a,definite,\n", "line 4: scp code 'NOSUCH' is not in the reference table"),
        (CONCEPTS, MAPPING + "scp,SR,zz,definite,\n", "line 4: concept 'zz' is not in concepts.csv"),
        (CONCEPTS, MAPPING + "scp,SR,a,surely,\n", "line 4: certainty 'surely' must be one of"),
        (CONCEPTS, MAPPING + "scp,SR,,,\n", "line 4: scp 'SR' has no concept: its note must say why"),
        (CONCEPTS, MAPPING + "scp,AFIB,a,definite,\n", "line 4: scp 'AFIB' with concept 'a' says what another row says"),
        (CONCEPTS, MAPPING + "scp,AFIB,,,why\n", "line 4: scp 'AFIB' with concept '' says what another row says"),
        (CONCEPTS, MAPPING + "scp,SR,,,why\nscp,SR,a,definite,\n", "line 5: scp 'SR' with concept 'a' says what another"),
        (CONCEPTS, MAPPING + "statement,Old LVH,a,definite,\n", "'Old LVH' is not in canonical form: write 'old left ventr"),
        (CONCEPTS, MAPPING + "statement,{region} infarct,a,definite,\n", "write '{region} myocardial infarction'"),
        (
            CONCEPTS,
            MAPPING + "statement,{region} leads,{region}_x,definite,\n",
            "line 4: concept '{region}_x' is not in concepts",
        ),
        (CONCEPTS, MAPPING + "scp,SR ,a,definite,\n", "line 4: a cell begins or ends with a space"),
    ],
)
def test_tables_that_do_not_fit_are_one_sentence(tmp_path: Path, concepts: str, mapping: str, sentence: str) -> None:
    with pytest.raises(EsiError) as error:
        _read(tmp_path, concepts, mapping)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(EsiError, match=r"concepts\.csv is missing"):
        read(tmp_path)
