from __future__ import annotations

from esi.ecg.statements.descriptions import described


def test_a_statement_finds_its_description_in_any_wording() -> None:
    descriptions = {"right bundle branch block": "A wide QRS.", "sinus rhythm": "", "normal ECG": "Normal waves."}
    found = described(["*** NORMAL ECG ***", "RBBB", "right bundle branch block", "sinus rhythm", "flutter"], descriptions)
    assert list(found.items()) == [("normal ECG", "Normal waves."), ("right bundle branch block", "A wide QRS.")]
    assert described(["RBBB"], {}) == {}
