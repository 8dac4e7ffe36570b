"""Draw the simulated cohort: one folder a set, and how many records carry each label."""

from __future__ import annotations

import polars as pl

from esi import params
from esi.command import run
from esi.files import write_json, write_text
from esi.paths import METRICS
from esi.simulate.releases.cohort import simulate_cohort


def main() -> None:
    settings = params.load().simulate
    figures, labels = simulate_cohort(settings.folder, settings.records, settings.seed, settings.rare, settings.prevalence)
    write_json(METRICS / "simulate.json", figures)
    write_text(METRICS / "simulate/labels.csv", pl.DataFrame(labels, orient="row").write_csv())


if __name__ == "__main__":
    run(main)
