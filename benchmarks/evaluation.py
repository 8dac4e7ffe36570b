"""How long does the whole evaluation take? `python -m benchmarks.evaluation`, in a workspace after `dvc repro`.

Every stage after pretraining, in its order and without DVC, from empty caches of embeddings and hand-made features; its outs
are written anew.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

from benchmarks.report import report
from esi.files import cache_folder

STAGES = ("zero_shot", "linear_probe", "fine_tune", "results", "identify", "retrieval", "caption", "distribution", "report")
CACHES = ("embeddings", "controls")


def main() -> None:
    for name in CACHES:
        shutil.rmtree(cache_folder(name))
    seconds = {}
    for stage in STAGES:
        launcher = ["-m", "accelerate.commands.launch", "--quiet"] if stage == "fine_tune" else []
        start = time.perf_counter()
        subprocess.run([sys.executable, *launcher, "-m", f"stages.{stage}"], check=True)
        seconds[stage] = round(time.perf_counter() - start, 1)
    total = round(sum(seconds.values()))
    report("evaluation", f"{total} s for the evaluation of params.yaml from empty caches", {"seconds": seconds})


if __name__ == "__main__":
    main()
