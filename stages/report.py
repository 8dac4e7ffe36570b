"""All figures of the run on one page, beside the paper's."""

from __future__ import annotations

from pathlib import Path

from esi import params
from esi.command import run
from esi.files import write_text
from esi.report.page import render


def main() -> None:
    write_text("metrics/report.html", render(params.load(), Path("metrics"), Path("data"), Path("data/paper")))


if __name__ == "__main__":
    run(main)
