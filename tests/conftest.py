"""What all tests share: one thread, no network, the real ECG subsets where they lie beside the project."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # results differ at 1e-7 between one thread and two
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "real"


@pytest.fixture
def real() -> Path:
    """The folder of real ECG subsets; the test is skipped where it is absent."""
    if not REAL.is_dir():
        pytest.skip("the real ECG subsets do not lie in ../shared/real")
    return REAL


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine-local cache of the test's own."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path / ".cache"
