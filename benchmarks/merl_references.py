"""MERL's attribute texts as references of the stage score_descriptions: `python -m benchmarks.merl_references FILE OUT.csv`.

FILE is the JSON that maps condition codes to texts (Liu et al. 2024, CKEPE prompts, MIT licence), from MERL's repository.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

from esi.ecg.statements.wording import normalise
from esi.files import write_text

REFERENCE = Path(__file__).parents[1] / "data" / "reference"


def names_by_code() -> dict[str, str]:
    """The description of each SCP code (PTB-XL writes some with an underscore at the end, MERL none) and abbreviation."""
    names: dict[str, str] = {}
    for file, column in (("scp_statements.csv", "code"), ("snomed_statements.csv", "abbreviation")):
        for row in csv.DictReader(io.StringIO((REFERENCE / file).read_text(encoding="utf-8"))):
            names.setdefault(row[column].rstrip("_").upper(), row["description"])
    return names


def convert(texts: dict[str, str]) -> tuple[str, list[str]]:
    """The CSV (columns statement, description), one row a canonical statement, and the codes without a statement."""
    names = names_by_code()
    rows: dict[str, str] = {}
    unknown = [code for code in texts if code.upper() not in names]
    for code, description in texts.items():
        if code not in unknown:
            rows.setdefault(normalise(names[code.upper()]), description)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["statement", "description"])
    writer.writerows(rows.items())
    return text.getvalue(), unknown


def main(source: str, out: str) -> None:
    content, unknown = convert(json.loads(Path(source).read_text(encoding="utf-8")))
    write_text(out, content)
    print(f"{out}: {len(content.splitlines()) - 1} statements; codes that no reference table has: {', '.join(unknown)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
