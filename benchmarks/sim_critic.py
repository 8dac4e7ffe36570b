"""By what can simulated records be told from real ones of the same label?

    python -m benchmarks.sim_critic --ptbxl DIR --folds 1 2 3 4 5 6 7 8

A logistic regression on simple features (esi.evaluate.controls.hand_features: amplitudes, intervals, rhythm, spectra)
learns to tell them apart, PTB-XL's NORM from simulated NORM and so on; its cross-validated AUROC is 0.5 where it cannot. The
features that separate best by themselves are listed with the quartiles of both sides, each kind by its best lead. Look at
training folds alone: what is mended by the test fold is no longer tested by it.

Legend: N records, D features.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

from benchmarks.real_sets import PTBXL, SIGNAL, real_ptbxl, task_of
from benchmarks.report import report
from benchmarks.simulated_records import draw
from esi import params
from esi.command import run
from esi.ecg.leads import LEADS
from esi.evaluate.controls.hand_features import BANDS_HZ, BEFORE, HZ, SAMPLED, record_features
from esi.evaluate.logistic import Question, fit_and_score
from esi.evaluate.metrics import auroc

FOLDS = 5  # of the cross-validation
INVERSE_PENALTY = 0.01
FEWEST = 10  # records of either side, below which a class is not compared
# fmt: off
_AMPLITUDES = ("1 % quantile, mV", "10 % quantile, mV", "median, mV", "90 % quantile, mV", "99 % quantile, mV", "SD, mV",
               "mean step, mV")
_WAVES = ("R, mV", "time of R's peak, s", "Q, mV", "S, mV", "QRS height, mV", "area of R", "area of S", "QRS width, s",
          "ST, mV", "ST slope, mV", "ST / QRS", "T highest, mV", "T lowest, mV", "T mean, mV", "time of T's peak, s",
          "T shape", "P highest, mV", "P lowest, mV", "P mean, mV", "time of P's peak, s")
_VARIATION = ("beat-to-beat change of P, mV", "beat-to-beat change of QRS, mV", "beat-to-beat change of T, mV",
              "most deviant QRS, mV")
_ALIKE = ("likeness of beats, least", "likeness of beats, mean", "likeness of beats, SD", "share of unlike beats")
_RHYTHM = ("seconds", "beats a second", "RR median, s", "1 / RR", "RR shortest, s", "RR longest, s", "RR SD, s", "RR CV",
           "RR MAD, s", "RMSSD, s", "largest change of RR, s", "share of RR changes > 50 ms", "share of short RR",
           "share of long RR", "fast", "slow")
_WHOLE = ("P axis x", "P axis y", "QRS axis x", "QRS axis y", "T axis x", "T axis y", "QRS duration, s", "T end, s",
          "P start, s", "transition", "Sokolow-Lyon, mV", "Cornell, mV", "Lewis, mV", "R/S in V1", "P vector, mV",
          "QRS vector, mV", "ST vector, mV", "T vector, mV")
# fmt: on
# In the order of `hand_features.record_features`.
NAMES = (
    *(f"{lead}: {name}" for name in _AMPLITUDES for lead in LEADS),
    *(f"{lead}: log power {low:g}-{high:g} Hz" for lead in LEADS for low, high in pairwise(BANDS_HZ)),
    *(
        f"{lead}: {name}"
        for lead in LEADS
        for name in (*_WAVES, *(f"beat at {1000 * (at - BEFORE) // HZ} ms, mV" for at in SAMPLED))
    ),
    *(f"{lead}: {name}" for name in _VARIATION for lead in LEADS),
    *_ALIKE,
    *_RHYTHM,
    *_WHOLE,
)


def features(signals_NCT: np.ndarray, desc: str) -> np.ndarray:
    """Features [N, D] float32 of records of 10 s at 100 Hz, int16 microvolts."""
    return np.array([record_features(signal, HZ) for signal in tqdm(signals_NCT, desc=f"features, {desc}", unit="record")])


def separation(real_ND: np.ndarray, simulated_ND: np.ndarray, groups_N: np.ndarray) -> float:
    """Cross-validated AUROC of telling simulated (rows behind the real ones) from real; groups keep subjects together."""
    every_ND = np.concatenate([real_ND, simulated_ND])
    simulated_N = np.arange(len(every_ND)) >= len(real_ND)
    scores_N = np.zeros(len(every_ND))
    split = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(every_ND, simulated_N, groups_N)
    for train, test in split:
        question = Question(np.arange(len(train)), simulated_N[train][:, None])
        (scores_PMK,) = fit_and_score(every_ND[train], every_ND[test], [question], [INVERSE_PENALTY], 1)
        scores_N[test] = scores_PMK[0, :, 0]
    return float(auroc(simulated_N, scores_N, np.ones((1, len(scores_N)), np.float32))[0])


def differences(real_ND: np.ndarray, simulated_ND: np.ndarray, most: int) -> list[dict[str, Any]]:
    """The features that separate best by themselves, one of each kind: AUROC (above 0.5: larger in the simulated) and
    quartiles.
    """
    simulated_N = np.arange(len(real_ND) + len(simulated_ND)) >= len(real_ND)
    weights_RN = np.ones((1, len(simulated_N)), np.float32)
    areas_D = np.array(
        [auroc(simulated_N, column_N, weights_RN)[0] for column_N in np.concatenate([real_ND, simulated_ND]).T.astype(float)]
    )
    best: dict[str, int] = {}  # the lead of each kind
    for place in np.argsort(-np.abs(areas_D - 0.5), kind="stable"):
        best.setdefault(NAMES[place].split(": ")[-1], int(place))
    return [
        {
            "feature": NAMES[place],
            "auroc": round(float(areas_D[place]), 3),
            **{
                side: [round(float(value), 4) for value in np.quantile(values_ND[:, place], [0.25, 0.5, 0.75])]
                for side, values_ND in (("real", real_ND), ("simulated", simulated_ND))
            },
        }
        for place in list(best.values())[:most]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sim_critic", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ptbxl", type=Path, required=True, help="folder of PTB-XL")
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(1, 9)), help="of PTB-XL; not the test folds")
    parser.add_argument("--records", type=int, default=4000, help="simulated records")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--features", type=int, default=20, help="how many are listed a class")
    arguments = parser.parse_args()
    settings = params.load()
    ecgs = real_ptbxl(arguments.ptbxl, arguments.folds, settings)
    task = task_of(PTBXL, settings)
    split = ecgs.split(task, "test")
    real_ND = features(ecgs.store.signals_NCT[[ecgs.store.row_of[record] for record in split.records]], "real")
    drawn = draw("ptbxl", arguments.records, arguments.seed, SIGNAL)
    simulated_ND, simulated_NK = features(drawn.signals_NCT, "simulated"), task.labels(drawn.codes)
    content: dict[str, Any] = {"folds": arguments.folds, "simulated_records": arguments.records, "seed": arguments.seed}
    for k, name in enumerate(task.class_names):
        real_rows, simulated_rows = np.flatnonzero(split.labels_NK[:, k]), np.flatnonzero(simulated_NK[:, k])
        if min(len(real_rows), len(simulated_rows)) < FEWEST:
            continue
        sides = real_ND[real_rows], simulated_ND[simulated_rows]
        groups = [f"real {split.subjects[row]}" for row in real_rows]
        groups += [f"simulated {drawn.owners_N[row]}" for row in simulated_rows]
        content[name] = {
            "auroc": round(separation(*sides, np.unique(groups, return_inverse=True)[1]), 4),
            "real": len(real_rows),
            "simulated": len(simulated_rows),
            "differences": differences(*sides, arguments.features),
        }
    compared = {name: content[name] for name in task.class_names if name in content}
    for name, comparison in compared.items():
        counts = f"{comparison['real']} real, {comparison['simulated']} simulated"
        print(f"\n{name}: {counts}, told apart with AUROC {comparison['auroc']:.3f}")
        print(f"{'feature':44s} {'AUROC':>6s}   {'real: quartiles':>27s}   {'simulated: quartiles':>27s}")
        for row in comparison["differences"]:
            real, simulated = (" ".join(f"{value:8.3f}" for value in row[side]) for side in ("real", "simulated"))
            print(f"{row['feature']:44s} {row['auroc']:6.3f}   {real:>27s}   {simulated:>27s}")
    report("sim_critic", ", ".join(f"{name} {comparison['auroc']:.3f}" for name, comparison in compared.items()), content)


if __name__ == "__main__":
    run(main)
