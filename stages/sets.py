"""Which data sets and tasks each stage reads, and checksums of what they hold: data/sets/<stage>.txt.

A stage depends on its file and not on all of data/ecg: a further set, or another's new records, run none of the others anew.
"""

from __future__ import annotations

import json

from esi import params
from esi.command import run
from esi.files import file_hash, replacing_folder, write_text
from esi.paths import METRICS, SETS
from esi.sets import sets_read, tasks_read


def main() -> None:
    settings = params.load()
    tasks = tasks_read(settings)
    with replacing_folder(SETS) as folder:
        for stage, names in sets_read(settings).items():
            lines = []
            for name in names:
                content = json.loads((METRICS / f"ingest/{name}.json").read_text(encoding="utf-8"))["content"]
                mapped = stage == "statements" and settings.ingest[name].label_map is not None
                lines.append(f"{content}  {name}{', with a map of its labels' * mapped}")
            for task in tasks.get(stage, []):
                row = settings.tasks[task]
                lines.append(f"{file_hash(row.table) if row.table.is_file() else None}  {task} {row.model_dump_json()}")
            write_text(folder / f"{stage}.txt", "".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    run(main)
