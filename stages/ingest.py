"""Read one public release into Parquet tables of standard ECGs: `python -m stages.ingest ptbxl`."""

from __future__ import annotations

import sys

from esi import params
from esi.command import run
from esi.ecg.ingest import ingest
from esi.ecg.quarantine import summary
from esi.files import replacing_folder, write_json
from esi.paths import ECG, METRICS


def main(dataset: str) -> None:
    settings = params.load()
    out = ECG / dataset
    with replacing_folder(out) as folder:
        figures = ingest(dataset, settings.ingest[dataset], settings.quality, folder)
    write_json(METRICS / f"ingest/{dataset}.json", figures)
    if without := figures["without_statements"]:
        share = without / figures["records"]
        print(f"ingest {dataset}: {without} of {figures['records']} ECGs ({share:.1%}) have no statement", file=sys.stderr)
    if said := summary(out / "quarantine.parquet", figures["records"]):
        print(f"ingest {dataset}: {said}", file=sys.stderr)
    if figures["with_checksum_errors"]:
        print(
            f"ingest {dataset}: {figures['with_checksum_errors']} of {figures['records']} ECGs hold signals that are not "
            f"what their WFDB headers say (column checksum_errors of {out}): damage, or headers that were wrong from the "
            "start; `quality.max_checksum_errors: 0` in params.yaml leaves them out",
            file=sys.stderr,
        )


if __name__ == "__main__":
    run(main, *sys.argv[1:])
