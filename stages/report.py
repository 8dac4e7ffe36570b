"""All figures of the run on one page, beside the paper's."""

from __future__ import annotations

from esi import params
from esi.command import run
from esi.files import write_text
from esi.paths import DATA, METRICS, PAPER
from esi.report.page import render


def main() -> None:
    write_text(METRICS / "report.html", render(params.load(), METRICS, DATA, PAPER))


if __name__ == "__main__":
    run(main)
