"""Describe the ingested data sets: a datasheet after Gebru et al. 2021 (paper, Appendix B)."""

from __future__ import annotations

from esi import params
from esi.command import run
from esi.datasheet.write import write_datasheet
from esi.files import replacing_folder, write_json
from esi.paths import ECG, METRICS, RELEASES


def main() -> None:
    settings = params.load()
    with replacing_folder(METRICS / "datasheet") as folder:
        numbers = write_datasheet(settings, ECG, RELEASES, folder)
    write_json(METRICS / "datasheet.json", numbers)


if __name__ == "__main__":
    run(main)
