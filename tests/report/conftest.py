from __future__ import annotations

import pytest

from esi import params
from esi.params import Params
from tests.conftest import ROOT


@pytest.fixture(scope="package")
def settings() -> Params:
    return params.load(ROOT / "params.yaml")
