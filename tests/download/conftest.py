"""The downloader's tests know no proxy, no mirror and no account of this machine, and do not wait."""

from __future__ import annotations

import pytest

from esi.download import cli, fetch


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("ESI_DATA_MIRROR", "PHYSIONET_USERNAME", "PHYSIONET_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cli, "Patience", lambda: fetch.Patience(attempts=3, first_wait_s=0.001))
