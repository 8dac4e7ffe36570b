"""Is `dvc repro` alone enough after a kill? `python -m benchmarks.kill_stages --kills 50 --seed 0`.

A clone on the tiny profile runs through without a kill, another one with: each stage gets a kill, the longer ones several.
A kill (SIGKILL to all processes of `dvc repro`) comes at a moment drawn evenly from the time between the stage's beginning
and the next one's, in which DVC also records what the stage made; one whose stage is over by then goes to the next stage, so
that `killed` in the result says who got it. After each kill `dvc repro` is started
again, and nothing else is done; where that is refused, what cured it is counted under `repaired_by_hand`. At the end every
file is compared, and those of the machine-local cache by name.

What was planned and done lies in `state.json` beside the clones: with `--folder`, the same command goes on where a run was
stopped.

`metrics/pretrain/speed.csv` holds times and `dvc.lock` its hash: these two differ between any two runs and are left out.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.killed_clone import Clone, Run
from benchmarks.report import report
from esi.files import write_json

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


@dataclass
class State:
    """What is planned and what was done, kept on disk after each kill."""

    seconds: dict[str, float]  # of each stage in the run without a kill
    left: dict[str, int]
    killed: dict[str, int] = field(default_factory=dict)
    repaired: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)  # what `git status` showed after a kill
    begun: list[str] = field(default_factory=list)

    def due(self, stage: str) -> str | None:
        """The stage whose planned kill is next: this one, or an earlier one that ended before its kill came."""
        return next((name for name in (stage, *self.begun) if self.left.get(name)), None)


def run_with_kills(clone: Clone, state: State, rng: random.Random, until: float, keep: Callable[[], None]) -> None:
    """Kill `dvc repro` as often as planned, stage by stage, and then let it end; stops killing after `until` (monotonic)."""

    def kill_after(stage: str) -> float | None:
        state.begun = sorted({*state.begun, stage})
        return rng.uniform(0, state.seconds[stage]) if state.due(stage) and time.monotonic() < until else None

    while True:
        run = clone.repro(kill_after)
        if run.status is None:
            stage = list(run.seconds)[-1]
            state.left[state.due(stage) or stage] -= 1
            state.killed[stage] = state.killed.get(stage, 0) + 1
            state.shown = sorted({*state.shown, *clone.untracked()})
            print(
                f"kill {sum(state.killed.values())}: {stage} after {run.seconds[stage]:.1f} s", file=sys.stderr, flush=True
            )
        elif run.status:
            said = f"{''.join(run.output)[-1500:]}(status {run.status})"
            print(f"dvc repro fails:\n{said}", file=sys.stderr, flush=True)
            if state.repaired and not run.seconds and state.repaired[-1] == said:
                raise Broken(said)
            state.repaired.append(said)
            subprocess.run(REPAIR, cwd=clone.folder, env=clone.environment(), check=False)
        keep()
        if run.status == 0:
            return


def measure(kills: int, seed: int, minutes: float, folder: Path) -> dict[str, Any]:
    """The figures of the report."""
    rng, kept = random.Random(seed), folder / "state.json"
    if kept.exists():
        reference, clone = Clone(folder / "reference"), Clone(folder / "clone")
        state = State(**json.loads(kept.read_text(encoding="utf-8")))
        rng.seed(f"{seed} {sum(state.killed.values())}")
    else:
        reference = Clone.of_project(folder / "clone")
        whole: Run = reference.repro()
        if whole.status:
            raise Broken("".join(whole.output)[-1500:])
        reference.folder = reference.folder.rename(folder / "reference")  # names in the cache hold the place of the data
        clone = Clone.of_commit(folder / "clone", reference)
        state = State(whole.seconds, dict(share_out(whole.seconds, kills, rng)))
    run_with_kills(clone, state, rng, time.monotonic() + 60 * minutes, lambda: write_json(kept, asdict(state)))
    again = clone.repro()
    expected, present = reference.files(), clone.files()
    compared = expected.keys() - TIMES
    lists = {
        "different_files": sorted(name for name in compared if present.get(name) != expected[name]),
        "leftover_files": sorted(present.keys() - expected.keys()),
        "leftover_files_in_cache": sorted((clone.cached() - reference.cached()).elements()),
        "files_that_git_showed_after_a_kill": sorted({*state.shown} - expected.keys()),
    }
    return {
        "kills": sum(state.killed.values()),
        "planned": kills,
        "differences": len(lists["different_files"]),
        "leftovers": len(lists["leftover_files"]) + len(lists["leftover_files_in_cache"]),
        "repaired_by_hand": len(state.repaired),
        **lists,
        "repaired": state.repaired,
        "ran_again_at_the_end": sorted(again.seconds),
        "killed": dict(sorted(state.killed.items())),
        "compared_files": len(compared),
        "left_out": sorted(TIMES),
        "seconds_of_a_stage": {name: round(value, 1) for name, value in state.seconds.items()},
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
