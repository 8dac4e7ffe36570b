"""The handbook is whole, and the check that says so notices what is taken away or changed."""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path

import pytest

from esi.cqa.sentences import split_sentences
from esi.errors import EsiError
from tools import handbook
from tools.handbook import Entry, quantity_faults, read_entries
from tools.quantities import QUANTITIES, Quantity

ROOT = Path(__file__).parents[2]
BOOKS = ROOT / "data/textbooks"

ENTRY = """# Rhythm

## Sinus rhythm

### Definition

Sinus rhythm (SR) is the rhythm of the sinus node.

### ECG criteria

P waves are upright in I and II. The PR interval is constant. The rate is regular at 60 to 100 beats per minute.

### Look-alikes

Ectopic atrial rhythm has inverted P waves in II.

### Sources

A guideline, 2007.
"""


@cache
def own_entries() -> list[Entry]:
    return read_entries(BOOKS)


def book(folder: Path, text: str) -> Path:
    (folder / "a.md").write_text(text)
    return folder


def entry(criteria: str) -> Entry:
    return Entry("X", "a.md", ("X",), {"ECG criteria": criteria})


def test_the_handbook_is_whole() -> None:
    assert handbook.faults(BOOKS, ROOT / "data") == []


def test_the_command_tells_the_figures_and_ends_well(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert handbook.main(["--books", str(BOOKS), "--data", str(ROOT / "data")]) == 0
    assert '"findings_with_an_entry": 291' in capsys.readouterr().out
    assert handbook.main(["--books", str(book(tmp_path, ENTRY)), "--data", str(ROOT / "data")]) == 1
    assert "left bundle branch block has no entry" in capsys.readouterr().err
    assert handbook.main(["--books", str(BOOKS), "--data", str(tmp_path)]) == 1
    assert "scp_statements.csv is absent" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("### Look-alikes\n\nEctopic atrial rhythm has inverted P waves in II.\n", "", "has no section Look-alikes"),
        ("### Sources", "### Further reading", "Further reading is none of the parts"),
        ("Sinus rhythm (SR) is", "It is", "does not begin with the entry's name"),
        ("(SR)", "(S.R. (SR))", "its synonyms cannot be read"),
        ("The PR interval is constant. ", "", "2 sentences of criteria"),
        (
            "The PR interval is constant.",
            "It is often seen.",
            "no wave, interval or amplitude in the criterion 'It is often",
        ),
        (" in I and II", "", "the criteria name no leads"),
        ("A guideline, 2007.", "A guideline.", "no source has a year"),
        ("The PR interval is constant.", "The patient has a constant PR interval.", "'patient' in ECG criteria"),
    ],
)
def test_an_incomplete_entry_is_named(old: str, new: str, fault: str, tmp_path: Path) -> None:
    assert old in ENTRY
    (whole,) = read_entries(book(tmp_path, ENTRY))
    assert list(handbook.part_faults(whole)) == []
    (broken,) = read_entries(book(tmp_path, ENTRY.replace(old, new)))
    found = list(handbook.part_faults(broken))
    assert any(fault in line for line in found), found
    assert all(line.startswith("Sinus rhythm: ") for line in found)


def test_two_books_with_one_heading_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text(ENTRY)
    with pytest.raises(EsiError, match=r"Sinus rhythm is an entry of both a\.md and b\.md"):
        read_entries(book(tmp_path, ENTRY))


def test_a_finding_has_one_entry_and_a_name_one_owner() -> None:
    one, two = Entry("Sinus rhythm", "a.md", ("Sinus rhythm", "SR"), {}), Entry("Pause", "a.md", ("Pause", "SR"), {})
    assert list(handbook.name_faults([one], {"sinus rhythm": "t"})) == []
    assert list(handbook.name_faults([one], {"left bundle branch block": "t"})) == [
        "t: left bundle branch block has no entry: write one, or give it as a synonym to the one that describes it"
    ]
    assert list(handbook.name_faults([one, two], {"SR": "t"})) == [
        "t: SR has 2 entries: Sinus rhythm, Pause",
        "Pause: SR is also a name of Sinus rhythm",
    ]
    failing = Entry("Heart failure", "a.md", ("Heart failure",), {})
    assert "a reason why it has none" in next(handbook.name_faults([failing], {"heart failure": "t"}))


def test_literal_names_go_before_shared_word_stems() -> None:
    """The first letters of inferoposterior and inferoposterolateral are the same."""
    entries = own_entries()
    for name in ("inferoposterior myocardial infarction", "inferoposterolateral myocardial infarction"):
        assert [found.lower() for found in handbook.entries_of(name, entries)] == [name]


def test_entries_that_no_table_asks_for_are_few() -> None:
    """The others answer a code, a class or a concept each; a heading with a slip in it would show up here."""
    entries, wanted = own_entries(), handbook.findings(ROOT / "data")
    idle = {e.name for e in entries if not any(handbook.entries_of(w, [e]) for w in wanted)}
    assert idle == {"Bifascicular block", "Hypokalemia", "Pulmonary disease pattern", "Pulmonary embolism"}


@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda quantity: quantity.name)
def test_a_changed_number_fails_wherever_it_stands(quantity: Quantity) -> None:
    """Each statement of each quantity in turn, with each of its numbers replaced."""
    changed = 0
    for whole in own_entries():
        for part, text in whole.parts.items():
            for sentence in split_sentences(text) if part != "Sources" else ():
                for match in quantity.find(sentence):
                    for group in range(1, len(quantity.values) + 1):
                        start, end = match.span(group)
                        other = re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), sentence[start:end], count=1)
                        wrong = entry(sentence[:start] + other + sentence[end:])
                        assert any(
                            fault.startswith(f"X: {quantity.name} is") for fault in quantity_faults([wrong], [quantity])
                        )
                        changed += 1
    assert changed


def test_a_quantity_that_stands_nowhere_is_told() -> None:
    quantity = Quantity("rate", ("60",), "beats per minute", r"below (\d+) beats")
    assert list(quantity_faults([entry("The rate is below 60 beats per minute.")], [quantity])) == []
    assert list(quantity_faults([entry("The rate is low.")], [quantity])) == [
        "rate: 60 beats per minute stands in no entry: correct the pattern or take the quantity out"
    ]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("conduction.md", "wide QRS complex of 120 ms or more", "wide QRS complex of 100 ms or more"),
        ("av_block.md", "constant PR interval longer than 200 ms", "constant PR interval longer than 220 ms"),
        ("sinus.md", "rate below 60 beats per minute", "rate below 50 beats per minute"),
        ("repolarization.md", "450 ms or more in men", "440 ms or more in men"),
        ("chambers.md", "R wave in V5 or V6 of 3.5 mV", "R wave in V5 or V6 of 3.0 mV"),
        ("axis.md", "between -30 and -90 degrees", "between -45 and -90 degrees"),
    ],
)
def test_a_changed_book_fails(file: str, old: str, new: str, tmp_path: Path) -> None:
    shutil.copytree(BOOKS, tmp_path / "books")
    path = tmp_path / "books" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    found = handbook.faults(tmp_path / "books", ROOT / "data")
    assert found
    assert all(re.search(r" is .*, not ", fault) for fault in found)


def test_most_measures_of_the_handbook_are_held() -> None:
    figures = handbook.count_entries(BOOKS, ROOT / "data")
    assert figures["measures_held"] / figures["measures"] > 0.85
