"""Draw the simulated cohort: `simulate` in params.yaml -> one folder a set, metrics/simulate.json."""

from __future__ import annotations

from esi.ecg.simulate.cohort import simulate_cohort
from esi.errors import run
from esi.files import write_json
from esi.params import load


def main() -> None:
    params = load().simulate
    metrics = simulate_cohort(params.folder, params.records, params.seed)
    write_json("metrics/simulate.json", metrics)


if __name__ == "__main__":
    run(main)
