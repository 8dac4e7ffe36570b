"""Where a benchmark's figures go: benchmarks/results/<name>.json or another file, and one line on the screen."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from esi.files import write_json

RESULTS = Path(__file__).parent / "results"


def report(name: str, summary: str, figures: dict[str, Any], path: Path | None = None) -> None:
    """Write the figures beside what they were measured on, and print the summary."""
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    write_json(path or RESULTS / f"{name}.json", {"summary": summary, **figures, **machine})
    print(f"{name}: {summary}")
