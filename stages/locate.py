"""Check that a data set lies where params.yaml says, before DVC looks for its files: `python -m stages.locate ptbxl`.

DVC answers a missing input with its path alone; this stage, which depends on the settings only and comes first, says what
to download and where to put it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from esi import params
from esi.ecg.ingest import list_entries
from esi.errors import run
from esi.files import write_json


def main(dataset: str) -> None:
    settings = params.load().ingest[dataset]
    entries = list_entries(settings)
    write_json(
        Path("data/located") / f"{dataset}.json",
        {"root": str(settings.root), "format": settings.format, "records": len(entries)},
    )


if __name__ == "__main__":
    run(main, *sys.argv[1:])
