"""Why does `dvc repro` refuse to begin? `python -m stages.doctor` says it, `python -m stages.doctor --repair` mends it.

A kill or a power cut while DVC writes a file of its own leaves half of it. No stage: DVC fails before any stage begins.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from esi import params
from esi.command import run
from esi.dvc_lock import committed_lock, repaired, stages_in, without_stages_of_the_past
from esi.errors import EsiError
from esi.files import write_text

PIPELINE, LOCK = Path("dvc.yaml"), Path("dvc.lock")
RWLOCK, INDEX = Path(".dvc/tmp/rwlock"), Path(".git/index.lock")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.doctor", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repair", action="store_true", help="mend what is found")
    repair = parser.parse_args().repair
    if not PIPELINE.exists():
        raise EsiError("there is no dvc.yaml here: run it at the root of the project")
    params.load()
    faults = [fault for fault in (_lock(repair), _rwlock(repair), _index()) if fault]
    print(*faults, sep="\n", end="\n" if faults else "")
    if faults and not repair:
        print("`python -m stages.doctor --repair` mends this; end every other dvc of this folder first")
        sys.exit(1)
    print("`dvc repro` goes on from what is finished" if faults else "params.yaml, dvc.lock and DVC's own locks are whole")


def _lock(repair: bool) -> str | None:
    text = LOCK.read_text(encoding="utf-8", errors="replace") if LOCK.exists() else None
    if text is None or stages_in(text) is not None:
        return None
    mended = without_stages_of_the_past(repaired(text, committed_lock(Path())), PIPELINE.read_text(encoding="utf-8"))
    if repair:
        write_text(LOCK, mended)
    known = len(stages_in(mended) or {})
    return f"{LOCK} is cut or damaged, as by a kill while DVC wrote it: {known} stages are known from it and the last commit"


def _rwlock(repair: bool) -> str | None:
    try:
        json.loads(RWLOCK.read_text(encoding="utf-8") or "{}")
    except FileNotFoundError:
        return None
    except ValueError:
        if repair:
            RWLOCK.unlink()
        return f"{RWLOCK}, DVC's list of running stages, is cut or damaged: it is not needed where no dvc runs"
    return None


def _index() -> str | None:
    return f"{INDEX} is there, left by a git that was killed: remove it where no git runs" if INDEX.exists() else None


if __name__ == "__main__":
    run(main)
