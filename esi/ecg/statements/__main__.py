"""See how a list of statements folds: `python -m esi.ecg.statements FILE [--csv OUT] [--unmapped OUT]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from esi.command import run
from esi.ecg.statements.folding import count_statements, fold, write_folding, write_unmapped
from esi.ecg.statements.kinds import KINDS
from esi.errors import EsiError


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m esi.ecg.statements", description=__doc__)
    parser.add_argument("file", type=Path, help="UTF-8 text, one statement a line")
    parser.add_argument("--csv", type=Path, help="write the folding here: statement, kind, count, wordings, concepts")
    parser.add_argument("--unmapped", type=Path, help="write the findings here that the vocabulary does not have")
    options = parser.parse_args()
    statements = fold((options.file.stem, line, 1) for line in _lines(options.file))
    content = count_statements(statements)
    for name in ("wordings", "distinct", *KINDS, "mapped", "mapped_definite", "unmapped"):
        print(f"{name:16} {content[name]:7}")
    if options.csv:
        write_folding(options.csv, statements)
    if options.unmapped:
        write_unmapped(options.unmapped, statements)


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except OSError as error:
        raise EsiError(f"{path} cannot be read ({error.strerror}): name a text file, one statement a line") from error
    except UnicodeDecodeError as error:
        raise EsiError(f"{path} is not UTF-8 text: convert it, say with `iconv -t UTF-8`") from error


if __name__ == "__main__":
    run(main)
