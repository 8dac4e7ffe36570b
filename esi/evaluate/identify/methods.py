"""Identification of one data set's test subjects by every method, and the tables of what comes out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from esi.evaluate.controls.attempt import Failures, attempt
from esi.evaluate.controls.beats import median_beats
from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.identify.fine_tune import fine_tuned_scores
from esi.evaluate.identify.linear_head import head_scores
from esi.evaluate.identify.scores import cosine, first_rank, macro_auc, wilson
from esi.evaluate.identify.template import template_scores
from esi.evaluate.identify.trials import Trial, recording_trial, signals, strip_trial
from esi.evaluate.models.embeddings import Embeddings, NotEmbedded
from esi.evaluate.models.encoders import Candidate, Encoders
from esi.evaluate.models.registry import EVALUATED, RANDOM, SUPERVISED, TEMPLATE
from esi.settings.evaluation import Identify

SPLIT = "test"
FEWEST = 2  # probes: with one there is no other subject to tell it from


@dataclass(frozen=True)
class Outcome:
    """One run of one method in one trial."""

    trial: Trial
    method: str  # cosine, linear, fine_tune, template
    model: str  # its name in the registry; a random encoder that is fine-tuned is the supervised control
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


def all_trials(sets: Mapping[str, EcgSet], seconds: Mapping[str, float], rate: int) -> list[tuple[EcgSet, Trial]]:
    """The trials of every data set that has some; those that it does not allow are named on the screen."""
    every: list[tuple[EcgSet, Trial]] = []
    for name, ecgs in sets.items():
        possible, why_not = trials(ecgs, seconds[name], rate)
        print(*why_not, sep="\n", end="\n" if why_not else "", file=sys.stderr)
        every += [(ecgs, trial) for trial in possible]
    return every


def by_template(ecgs: EcgSet, trial: Trial, rate: int) -> Outcome:
    """The control that learns nothing."""
    (gallery_GCW, _), (probes_PCW, _) = (
        median_beats(ecg_NCT.numpy(), valid_N.numpy(), rate)
        for ecg_NCT, valid_N in (
            signals(ecgs.store, trial.gallery, trial.gallery_strip),
            signals(ecgs.store, trial.probes, trial.probe_strip),
        )
    )
    return Outcome.of(trial, TEMPLATE, TEMPLATE, template_scores(probes_PCW, gallery_GCW, rate))


def by_encoder(candidate: Candidate, ecgs: EcgSet, trial: Trial, settings: Identify) -> Iterable[Outcome]:
    """Cosine and linear head on the pooled features, and the fine-tuned encoder where it is asked for.

    Pooled features were chosen on records that are no test records: their cosine is right for 0.72 of 164 subjects of
    PTB-XL's validation fold and 0.60 of 1,266 of the training folds, that of the contrastive embeddings for 0.67 and 0.54.
    """
    gallery_GD = ecgs.encode(candidate.model, candidate.key, SPLIT, trial.gallery, trial.gallery_strip).pooled_ND
    probes_PD = ecgs.encode(candidate.model, candidate.key, SPLIT, trial.probes, trial.probe_strip).pooled_ND
    yield from by_vectors(candidate.name, gallery_GD, probes_PD, trial, settings)
    if settings.fine_tune_epochs and trial.protocol == "strip":
        model = SUPERVISED if candidate.name == RANDOM else candidate.name
        for seed in settings.seeds:
            yield Outcome.of(trial, "fine_tune", model, fine_tuned_scores(candidate, trial, ecgs.store, settings, seed))


def by_vectors(
    model: str, gallery_GD: np.ndarray, probes_PD: np.ndarray, trial: Trial, settings: Identify
) -> Iterable[Outcome]:
    """Cosine and linear head on features of the gallery and of the probes."""
    yield Outcome.of(trial, "cosine", model, cosine(probes_PD, gallery_GD))
    for seed in settings.seeds:
        yield Outcome.of(trial, "linear", model, head_scores(gallery_GD, probes_PD, settings, seed))


def by_embeddings(one: Embeddings, ecgs: EcgSet, trial: Trial, settings: Identify, failures: Failures) -> Iterable[Outcome]:
    """Somebody else's model, which is known by whole records alone: from one recording to another, never on strips. Where
    its file has none of the set, the reason is noted in `failures`.
    """
    if trial.gallery_strip is None:
        try:
            vectors_ND = one.of(ecgs.dataset, [*trial.gallery, *trial.probes])
        except NotEmbedded as error:
            failures.setdefault(one.name, {})[ecgs.dataset] = str(error)
        else:
            gallery_GD, probes_PD = np.split(vectors_ND, [len(trial.gallery)])
            yield from by_vectors(one.name, gallery_GD, probes_PD, trial, settings)


def by_all(
    trials: Sequence[tuple[EcgSet, Trial]],
    encoders: Encoders,
    embeddings: Sequence[Embeddings],
    rate: int,
    settings: Identify,
    failures: Failures,
) -> dict[str, list[Outcome]]:
    """Every trial by every method, by data set. What is not available is noted in `failures`."""
    outcomes: dict[str, list[Outcome]] = {ecgs.dataset: [] for ecgs, _ in trials}
    for ecgs, trial in trials:
        by_beats = attempt(TEMPLATE, ecgs.dataset, partial(by_template, ecgs, trial, rate), failures)
        outcomes[ecgs.dataset] += [] if by_beats is None else [by_beats]
    theirs = [
        (ecgs.dataset, list(by_embeddings(one, ecgs, trial, settings, failures)))
        for one in embeddings
        for ecgs, trial in trials
    ]
    for candidate in encoders:
        for ecgs, trial in trials:
            outcomes[ecgs.dataset] += by_encoder(candidate, ecgs, trial, settings)
    for dataset, of_set in theirs:
        outcomes[dataset] += of_set
    return outcomes


def table(outcomes: Iterable[Outcome]) -> pl.DataFrame:
    """One row a protocol, method and model: means over the runs, their standard deviations where there are several, and a
    95 % interval of the accuracy by the number of probes (runs add no subjects).
    """
    runs: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        runs.setdefault((outcome.trial.protocol, outcome.method, outcome.model), []).append(outcome)
    rows = []
    for (protocol, method, model), of_model in runs.items():
        trial = of_model[0].trial
        auc, accuracy = (np.array([getattr(outcome, name) for outcome in of_model]) for name in ("auc", "accuracy"))
        low, high = wilson(float(accuracy.mean()), len(trial.probes))
        rows.append(
            {
                "protocol": protocol,
                "method": method,
                "model": model,
                "subjects": len(trial.probes),
                "runs": len(of_model),
                "auc": float(auc.mean()),
                "auc_sd": float(auc.std(ddof=1)) if len(of_model) > 1 else None,
                "accuracy": float(accuracy.mean()),
                "accuracy_sd": float(accuracy.std(ddof=1)) if len(of_model) > 1 else None,
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
    ours = strips["linear", EVALUATED]
    leading = {
        "metric": "accuracy",
        "value": ours["accuracy"],
        "low": ours["accuracy_low"],
        "high": ours["accuracy_high"],
    }
    for control, method in ((RANDOM, "linear"), (TEMPLATE, TEMPLATE)):
        if (method, control) in strips:
            leading[control] = strips[method, control]["accuracy"]
    leading["n_test"] = ours["subjects"]
    if ("fine_tune", SUPERVISED) in strips:
        leading[SUPERVISED] = strips["fine_tune", SUPERVISED]["accuracy"]
    return leading
