"""Retrieval between ECGs and texts by the cosine of their embeddings: recall@k and median rank.

Identical texts are one: an ECG looks for its text among the distinct texts, and the text of a record has found its ECG with
any ECG that has this text. Equal cosines are in random order, and figures are the expectation over it: a model that embeds
everything alike gets exactly chance.

Legend: Q queries, C candidates, B queries at a time, E embedding width, N records, U distinct texts, M depths, R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.metrics import interval, subject_weights
from esi.evaluate.models.encoders import Encoders
from esi.evaluate.models.registry import EVALUATED, RANDOM
from esi.evaluate.models.texts import TextEncoder

DEPTHS = (1, 5, 10)
SCORES_AT_ONCE = 2**22  # cosines in memory: 17 MB
TIE = 1e-6  # cosines this close are equal: a product of matrices rounds equal vectors apart by some 1e-7


@dataclass(frozen=True)
class Ranks:
    """Where the best-placed right candidate of each query stands: int64 [Q] each."""

    above: np.ndarray  # candidates with a higher cosine, none of them right
    tied: np.ndarray  # candidates with the same cosine, itself included
    right: np.ndarray  # how many of the tied are right

    def of(self, places: np.ndarray) -> Ranks:
        """Those of some queries."""
        return Ranks(self.above[places], self.tied[places], self.right[places])

    def recall(self, depth: int) -> np.ndarray:
        """Probability [Q] that a right candidate is among the first `depth`."""
        return found_within(self.tied, self.right, np.clip(depth - self.above, 0, self.tied))

    def rank(self) -> np.ndarray:
        """Expected rank [Q] of the first right candidate; 1 is the best."""
        return self.above + (self.tied + 1) / (self.right + 1)


def found_within(total_Q: np.ndarray, right_Q: np.ndarray, drawn_Q: np.ndarray) -> np.ndarray:
    """Probability [Q] that `drawn` of `total` candidates, at most 10 of them, hold at least one of the `right` ones."""
    missed_Q = np.ones(len(total_Q))
    for place in range(int(drawn_Q.max(initial=0))):
        left_Q = np.maximum(total_Q - place, 1)
        missed_Q *= np.where(place < drawn_Q, np.maximum(left_Q - right_Q, 0) / left_Q, 1.0)
    return 1 - missed_Q


def ranks(query_QE: np.ndarray, candidate_CE: np.ndarray, group_Q: np.ndarray, group_C: np.ndarray) -> Ranks:
    """Ranks by cosine, some queries at a time, so that 45,000 x 45,000 cosines are never in memory together.

    Args:
        query_QE, candidate_CE: float32, unit length.
        group_Q, group_C: numbers; a candidate of the query's own group is right, and each group has one.
    """
    counts = np.empty((3, len(query_QE)), np.int64)
    step = max(1, SCORES_AT_ONCE // len(candidate_CE))
    for start in range(0, len(query_QE), step):
        scores_BC = query_QE[start : start + step] @ candidate_CE.T
        right_BC = group_Q[start : start + step, None] == group_C
        best_B1 = np.where(right_BC, scores_BC, -np.inf).max(axis=1, keepdims=True)
        above_B = (scores_BC > best_B1 + TIE).sum(axis=1)
        level_BC = scores_BC >= best_B1 - TIE
        counts[:, start : start + step] = above_B, level_BC.sum(axis=1) - above_B, (level_BC & right_BC).sum(axis=1)
    return Ranks(*counts)


@dataclass(frozen=True)
class Texts:
    """The distinct texts of a set's records."""

    distinct: list[str]
    text_N: np.ndarray  # which of them each record has
    subjects: list[str]  # of the N records

    @classmethod
    def of(cls, records: pl.DataFrame) -> Texts:
        """Args: records: of `record_texts`."""
        distinct = records["text"].unique(maintain_order=True).to_list()
        number = {text: place for place, text in enumerate(distinct)}
        return cls(distinct, np.array([number[text] for text in records["text"]]), records["subject_id"].to_list())


@dataclass(frozen=True)
class Direction:
    """Figures of one direction: a record's ECG or its text looks among all distinct texts or all ECGs."""

    name: str  # ecg_to_text, text_to_ecg
    queries: int
    candidates: int
    recalls: dict[int, tuple[float, float, float]]  # by depth: value, and its 95 % interval over subjects
    median_rank: float
    chance: float  # recall@10 of a random order

    def row(self, model: str) -> dict[str, str | int | float]:
        """The row of metrics/details/retrieval/<set>.csv."""
        recalls = {
            f"recall_{depth}{end}": value
            for depth, values in self.recalls.items()
            for end, value in zip(("", "_low", "_high"), values, strict=True)
        }
        return {
            "direction": self.name,
            "model": model,
            "queries": self.queries,
            "candidates": self.candidates,
            **recalls,
            "median_rank": self.median_rank,
            "chance_recall_10": self.chance,
        }


def retrieval(runs: Sequence[np.ndarray], text_UE: np.ndarray, texts: Texts, resamples: int, seed: int) -> list[Direction]:
    """ECG to text, then text to ECG, as the mean over runs (the ECG embeddings [N, E] of one seed each).

    The bootstrap draws the subjects who ask; the candidates stay, for among fewer of them a recall is another figure.

    Args:
        text_UE: embeddings of the distinct texts. resamples, seed: of the bootstrap.
    """
    number_U, text_N = np.arange(len(text_UE)), texts.text_N
    to_text = [ranks(ecg_NE, text_UE, text_N, number_U) for ecg_NE in runs]
    to_ecg = [ranks(text_UE, ecg_NE, number_U, text_N).of(text_N) for ecg_NE in runs]  # each text once for all who have it
    right_N = np.bincount(text_N)[text_N]
    weights_RN = subject_weights(texts.subjects, resamples, seed)
    return [
        _direction("ecg_to_text", to_text, len(text_UE), np.ones(len(text_N), int), weights_RN),
        _direction("text_to_ecg", to_ecg, len(text_N), right_N, weights_RN),
    ]


def _direction(name: str, runs: Sequence[Ranks], candidates: int, right_N: np.ndarray, weights_RN: np.ndarray) -> Direction:
    recall_NM = np.stack([np.mean([run.recall(depth) for run in runs], axis=0) for depth in DEPTHS], axis=1)
    means_RM = weights_RN @ recall_NM.astype(np.float32) / weights_RN.sum(axis=1, keepdims=True)
    recalls = {
        depth: (float(recall_NM[:, place].mean()), *interval(means_RM[:, place])) for place, depth in enumerate(DEPTHS)
    }
    drawn_N = np.full(len(right_N), min(DEPTHS[-1], candidates))
    return Direction(
        name=name,
        queries=len(recall_NM),
        candidates=candidates,
        recalls=recalls,
        median_rank=float(np.mean([np.median(run.rank()) for run in runs])),
        chance=float(found_within(np.full(len(right_N), candidates), right_N, drawn_N).mean()),
    )


def details(directions: Mapping[str, Sequence[Direction]]) -> pl.DataFrame:
    """The table of metrics/details/retrieval/<set>.csv. directions: of `retrieval`, by model."""
    rows = [direction.row(model) for model, of_model in directions.items() for direction in of_model]
    return pl.DataFrame(rows).sort("direction", "model")


def headline(directions: Mapping[str, Sequence[Direction]]) -> dict[str, str | float | int]:
    """The content of metrics/retrieval/<set>.json: how often an ECG's text is among its first ten."""
    of_model = {model: found[0] for model, found in directions.items()}  # ECG to text
    ours, random = of_model[EVALUATED], of_model[RANDOM]
    value, low, high = ours.recalls[10]
    recalls = {"value": value, "low": low, "high": high, RANDOM: random.recalls[10][0]}
    rounded = {key: round(recall, 6) for key, recall in recalls.items()}
    return {"metric": "recall@10", **rounded, "n_test": ours.queries}


def retrieve(
    encoders: Encoders, sets: Mapping[str, EcgSet], records: Mapping[str, pl.DataFrame], resamples: int, seed: int
) -> dict[str, dict[str, list[Direction]]]:
    """`retrieval` by every model, by data set.

    Args:
        sets, records: data sets and those of `record_texts`, by name. resamples, seed: of the bootstrap.
    """
    runs: dict[str, dict[str, list[np.ndarray]]] = {name: {} for name in sets}
    for candidate in encoders:
        for name, ecgs in sets.items():
            z_NE = ecgs.encode(candidate.model, candidate.key, "test", records[name]["record_id"].to_list()).z_NE
            runs[name].setdefault(candidate.name, []).append(z_NE)
    directions = {}
    for name, of_set in runs.items():
        texts = Texts.of(records[name])
        text_UE = TextEncoder(encoders.evaluated.esi)([texts.distinct])[0]
        directions[name] = {
            model: retrieval(of_model, text_UE, texts, resamples, seed) for model, of_model in of_set.items()
        }
    return directions
