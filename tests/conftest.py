"""What all tests share: one thread, no network, the real ECG subsets where they lie beside the project."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # results differ at 1e-7 between one thread and two
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process that a test starts compiles all that it imports

import pytest
from hypothesis import settings

# No test of the clock, and the same examples in every run: a look for new ones is `pytest --hypothesis-profile=default`.
settings.register_profile("esi", deadline=None, derandomize=True)
settings.load_profile("esi")

# Files that take minutes; with several processes they are started first, so that none is left alone with one at the end.
SLOWEST = ("stages/test_dag", "pretrain/test_resume", "evaluate/test_fine_tune_runs", "benchmarks/test_faulty_answers")

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest files first."""
    files = [ROOT / "tests" / f"{name}.py" for name in SLOWEST]
    items.sort(key=lambda item: files.index(item.path) if item.path in files else len(files))
