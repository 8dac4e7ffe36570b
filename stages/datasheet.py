"""Describe the ingested data sets: a datasheet after Gebru et al. 2021 (paper, Appendix B)."""

from __future__ import annotations

from pathlib import Path

from esi import params
from esi.command import run
from esi.datasheet.write import write_datasheet
from esi.files import replacing_folder, write_json


def main() -> None:
    settings = params.load()
    with replacing_folder("metrics/datasheet") as folder:
        numbers = write_datasheet(settings, Path("data/ecg"), Path("data/datasheet/releases.toml"), folder)
    write_json("metrics/datasheet.json", numbers)


if __name__ == "__main__":
    run(main)
