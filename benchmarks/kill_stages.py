"""Is `dvc repro` alone enough after a kill? `python -m benchmarks.kill_stages --kills 50 --seed 0`.

A clone on the tiny profile runs through without a kill, another one with: every stage is killed at least once, the longer
ones more often. Each kill (SIGKILL to all processes of `dvc repro`) comes at a moment drawn evenly from the time between the
stage's beginning and the next one's, in which DVC also records what the stage made. After each kill `dvc repro` is started
again, and nothing else is done; where that is refused, what cured it is counted under `repaired_by_hand`. At the end every
file is compared, and those of the machine-local cache by name.

`metrics/pretrain/speed.csv` holds times and `dvc.lock` its hash: these two differ between any two runs and are left out.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.killed_clone import Clone, Run
from benchmarks.report import report

TIMES = {"metrics/pretrain/speed.csv", "dvc.lock"}
REPAIR = [sys.executable, "-m", "stages.doctor", "--repair"]


class Broken(RuntimeError):
    """`dvc repro` fails, and the repair does not help."""


def share_out(seconds: dict[str, float], kills: int, rng: random.Random) -> Counter[str]:
    """How often each stage is to be killed: once at least as far as `kills` reach, the rest drawn by their seconds."""
    stages = sorted(seconds)
    once = rng.sample(stages, min(kills, len(stages)))
    rest = rng.choices(stages, [seconds[stage] for stage in stages], k=kills - len(once))
    return Counter([*once, *rest])


def run_with_kills(
    clone: Clone, plan: Counter[str], seconds: dict[str, float], rng: random.Random, until: float
) -> dict[str, Any]:
    """Kill `dvc repro` as often as planned, stage by stage, and then let it end; stops killing after `until` (monotonic)."""
    left, killed = Counter(plan), Counter[str]()
    repaired: list[str] = []
    shown: set[str] = set()
    begun: set[str] = set()

    def due(stage: str) -> str | None:
        """Whose planned kill the stage gets: its own, or that of an earlier one that ended before its moment."""
        return stage if left[stage] else next((name for name in sorted(begun) if left[name]), None)

    def kill_after(stage: str) -> float | None:
        begun.add(stage)
        return rng.uniform(0, seconds[stage]) if due(stage) and time.monotonic() < until else None

    while True:
        run = clone.repro(kill_after)
        if run.status is None:
            stage = list(run.seconds)[-1]
            killed[stage] += 1
            left[due(stage) or stage] -= 1
            shown |= clone.untracked()
            print(f"kill {killed.total()}: {stage} after {run.seconds[stage]:.1f} s", file=sys.stderr, flush=True)
        elif run.status:
            said = f"{''.join(run.output)[-1500:]}(status {run.status})"
            print(f"dvc repro fails:\n{said}", file=sys.stderr, flush=True)
            if repaired and not run.seconds and repaired[-1] == said:
                raise Broken(said)
            repaired.append(said)
            subprocess.run(REPAIR, cwd=clone.folder, env=clone.environment(), check=False)
        else:
            return {"killed": dict(sorted(killed.items())), "repaired": repaired, "shown": shown}


def measure(kills: int, seed: int, minutes: float, folder: Path) -> dict[str, Any]:
    """The figures of the report."""
    rng = random.Random(seed)
    reference = Clone.of_project(folder / "clone")
    whole: Run = reference.repro()
    if whole.status:
        raise Broken("".join(whole.output)[-1500:])
    reference.folder = reference.folder.rename(folder / "reference")  # names in the cache hold the place of the data
    clone = Clone(folder / "clone", reference.folder)  # of one commit with it, whatever became of the project meanwhile
    plan = share_out(whole.seconds, kills, rng)
    done = run_with_kills(clone, plan, whole.seconds, rng, time.monotonic() + 60 * minutes)
    again = clone.repro()
    expected, found = reference.files(), clone.files()
    compared = expected.keys() - TIMES
    lists = {
        "different_files": sorted(name for name in compared if found.get(name) != expected[name]),
        "leftover_files": sorted(found.keys() - expected.keys()),
        "leftover_files_in_cache": sorted((clone.cached() - reference.cached()).elements()),
        "files_that_git_showed_after_a_kill": sorted(done["shown"] - expected.keys()),
    }
    return {
        "kills": sum(done["killed"].values()),
        "planned": kills,
        "differences": len(lists["different_files"]),
        "leftovers": len(lists["leftover_files"]) + len(lists["leftover_files_in_cache"]),
        "repaired_by_hand": len(done["repaired"]),
        **lists,
        "repaired": done["repaired"],
        "ran_again_at_the_end": sorted(again.seconds),
        "killed": done["killed"],
        "compared_files": len(compared),
        "left_out": sorted(TIMES),
        "seconds_of_a_stage": {name: round(value, 1) for name, value in whole.seconds.items()},
        "seed": seed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill_stages", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=20, help="after so many no further kill is begun")
    parser.add_argument(
        "--folder", type=Path, help="an empty folder for the two clones, which stay there; default: a temporary one"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        figures = measure(given.kills, given.seed, given.minutes, given.folder or Path(temporary))
    counts = ", ".join(
        f"{figures[name]} {name.replace('_', ' ')}" for name in ("differences", "leftovers", "repaired_by_hand")
    )
    report("kills", f"{figures['kills']} kills: {counts}", figures)


if __name__ == "__main__":
    main()
