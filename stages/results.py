"""Figures of the predictions of all classification protocols, with intervals, controls and pictures."""

from __future__ import annotations

from esi import params
from esi.command import run
from esi.evaluate.results.write import write_results
from esi.paths import METRICS, PREDICTIONS


def main() -> None:
    settings = params.load()
    evaluate = settings.evaluate
    unbeaten = write_results(PREDICTIONS, METRICS, settings.tasks, evaluate.bootstrap, evaluate.seed)
    if unbeaten:
        print("Controls that ours does not beat (its 95 % interval does not lie wholly above theirs):")
        print("\n".join(f"  {line}" for line in unbeaten))
    else:
        print("Ours beats every control: its 95 % intervals lie wholly above theirs")


if __name__ == "__main__":
    run(main)
