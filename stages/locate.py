"""Check that a data set lies where params.yaml says, before DVC looks for its files: `python -m stages.locate ptbxl`.

DVC answers a missing input with its path alone; this stage, which depends on the settings only and comes first, says what
to download and where to put it. What the stage `simulate` draws need not be there yet: `ingest` waits for it.
"""

from __future__ import annotations

import sys

from esi import params
from esi.command import run
from esi.ecg.releases import check_release
from esi.files import write_json
from esi.paths import LOCATED


def main(dataset: str) -> None:
    settings = params.load()
    release = settings.ingest[dataset]
    if not settings.simulate.draws(release.root):
        check_release(release)
    write_json(LOCATED / f"{dataset}.json", {"root": str(release.root), "format": release.format})


if __name__ == "__main__":
    run(main, *sys.argv[1:])
