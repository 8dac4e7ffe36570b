"""Identification of one data set's test subjects by every method, and the tables of what comes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from esi.evaluate.controls.beats import median_beats
from esi.evaluate.ecg_set import Candidate, EcgSet
from esi.evaluate.identify.linear_head import head_scores
from esi.evaluate.identify.scores import cosine, first_rank, macro_auc, wilson
from esi.evaluate.identify.template import template_scores
from esi.evaluate.identify.trials import Trial, recording_trial, signals, strip_trial
from esi.settings.evaluation import Identify

SPLIT = "test"
FEWEST = 2  # probes: with one there is no other subject to tell it from


@dataclass(frozen=True)
class Outcome:
    """One run of one method in one trial."""

    trial: Trial
    method: str  # cosine, linear, fine_tune, template
    model: str  # esi, random (frozen), supervised (random at the start), template
    auc: float
    accuracy: float

    @staticmethod
    def of(trial: Trial, method: str, model: str, scores_PG: np.ndarray) -> Outcome:
        accuracy = float(first_rank(scores_PG, trial.place_P).mean())
        return Outcome(trial, method, model, macro_auc(scores_PG, trial.place_P), accuracy)


def trials(ecgs: EcgSet, seconds: float, rate: int) -> tuple[list[Trial], list[str]]:
    """The trials that a data set's test records allow, and a sentence for each that they do not."""
    records = ecgs.of(SPLIT)
    possible, why_not = [], []
    for trial in (strip_trial(records, seconds, rate), recording_trial(records)):
        if len(trial.probes) >= FEWEST:
            possible.append(trial)
        else:
            needed = f"with {2 * seconds:g} s of ECG" if trial.protocol == "strip" else "with several recordings"
            why_not.append(f"{ecgs.dataset}, {trial.protocol}: not run, {len(trial.probes)} test subjects {needed}")
    return possible, why_not


def by_template(ecgs: EcgSet, trial: Trial, rate: int) -> Outcome:
    """The control that learns nothing."""
    (gallery_GCW, _), (probes_PCW, _) = (
        median_beats(ecg_NCT.numpy(), valid_N.numpy(), rate)
        for ecg_NCT, valid_N in (
            signals(ecgs.store, trial.gallery, trial.gallery_strip),
            signals(ecgs.store, trial.probes, trial.probe_strip),
        )
    )
    return Outcome.of(trial, "template", "template", template_scores(probes_PCW, gallery_GCW, rate))


def by_encoder(candidate: Candidate, ecgs: EcgSet, trial: Trial, settings: Identify) -> Iterable[Outcome]:
    """Cosine and linear head on the pooled features, and the fine-tuned encoder where it is asked for.

    Pooled features were chosen on records that are no test records: their cosine is right for 0.72 of 164 subjects of
    PTB-XL's validation fold and 0.60 of 1,266 of the training folds, that of the contrastive embeddings for 0.67 and 0.54.
    """
    gallery_GD = ecgs.encode(candidate.model, candidate.key, SPLIT, trial.gallery, trial.gallery_strip).pooled_ND
    probes_PD = ecgs.encode(candidate.model, candidate.key, SPLIT, trial.probes, trial.probe_strip).pooled_ND
    yield Outcome.of(trial, "cosine", candidate.name, cosine(probes_PD, gallery_GD))
    for seed in settings.seeds:
        yield Outcome.of(trial, "linear", candidate.name, head_scores(gallery_GD, probes_PD, settings, seed))
    if settings.fine_tune_epochs and trial.protocol == "strip":
        from esi.evaluate.identify.fine_tune import fine_tuned_scores  # Accelerate takes seconds to import

        model = "esi" if candidate.name == "esi" else "supervised"
        for seed in settings.seeds:
            yield Outcome.of(trial, "fine_tune", model, fine_tuned_scores(candidate, trial, ecgs.store, settings, seed))


def table(outcomes: Iterable[Outcome]) -> pl.DataFrame:
    """One row a protocol, method and model: means over the runs, their standard deviations where there are several, and a
    95 % interval of the accuracy by the number of probes (runs add no subjects).
    """
    runs: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        runs.setdefault((outcome.trial.protocol, outcome.method, outcome.model), []).append(outcome)
    rows = []
    for (protocol, method, model), found in runs.items():
        trial = found[0].trial
        auc, accuracy = (np.array([getattr(outcome, name) for outcome in found]) for name in ("auc", "accuracy"))
        low, high = wilson(float(accuracy.mean()), len(trial.probes))
        rows.append(
            {
                "protocol": protocol,
                "method": method,
                "model": model,
                "subjects": len(trial.probes),
                "runs": len(found),
                "auc": float(auc.mean()),
                "auc_sd": float(auc.std(ddof=1)) if len(found) > 1 else None,
                "accuracy": float(accuracy.mean()),
                "accuracy_sd": float(accuracy.std(ddof=1)) if len(found) > 1 else None,
                "accuracy_low": low,
                "accuracy_high": high,
                "chance": 1 / len(trial.gallery),
                "left_out": trial.left_out,
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def headline(rows: pl.DataFrame) -> dict[str, float | int | str]:
    """The published protocol's figures: the linear head on strips beside its controls."""
    strips = {(row["method"], row["model"]): row for row in rows.filter(pl.col("protocol") == "strip").iter_rows(named=True)}
    ours = strips["linear", "esi"]
    figures = {
        "metric": "accuracy",
        "value": ours["accuracy"],
        "low": ours["accuracy_low"],
        "high": ours["accuracy_high"],
    }
    for control, method in (("random", "linear"), ("template", "template")):
        if (method, control) in strips:
            figures[control] = strips[method, control]["accuracy"]
    figures["n_test"] = ours["subjects"]
    if ("fine_tune", "supervised") in strips:
        figures["supervised"] = strips["fine_tune", "supervised"]["accuracy"]
    return figures
