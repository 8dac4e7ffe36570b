"""How good captions are: as texts, and as a list of findings.

Legend: N records, L figures of a record (statements said rightly, said, and to be said), R resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from esi.evaluate.metrics import interval
from esi.text.bertscore import TokenEncoder, bert_scores

Similarity = Callable[[Sequence[str], Sequence[str]], np.ndarray]  # captions, references -> F1 of BERTScore [N]
RECORDS_AT_ONCE = 256  # whose word vectors are in memory together for BERTScore


def likeness(captions: Sequence[str], references: Sequence[str], encode: TokenEncoder, idf: bool) -> np.ndarray:
    """F1 of BERTScore of each caption [N]."""
    return bert_scores(captions, references, encode, idf)[:, 2]


@dataclass(frozen=True)
class Captions:
    """Texts of some records, and the statements that they make."""

    texts: list[str]
    statements: list[list[str]]


def bleu(captions: Sequence[str], references: Sequence[str]) -> float:
    """BLEU-4 of the corpus from 0 to 1, without regard to case (sacrebleu, tokenizer 13a, smoothing exp)."""
    from sacrebleu.metrics import BLEU

    return float(BLEU(lowercase=True).corpus_score(list(captions), [list(references)]).score) / 100


def rouge_l(captions: Sequence[str], references: Sequence[str]) -> float:
    """Mean F1 of the longest common subsequence of words (rouge-score, without stemming)."""
    from rouge_score.rouge_scorer import RougeScorer  # takes a second: it brings nltk

    scorer = RougeScorer(["rougeL"])
    pairs = zip(references, captions, strict=True)
    return float(np.mean([scorer.score(reference, caption)["rougeL"].fmeasure for reference, caption in pairs]))


def bertscore(runs: Sequence[Sequence[str]], references: Sequence[str], similarity: Similarity) -> list[float]:
    """Mean F1 of BERTScore of each run of captions; all in one go, for they share references and often captions."""
    totals = np.zeros(len(runs))
    for start in range(0, len(references), RECORDS_AT_ONCE):
        some = slice(start, start + RECORDS_AT_ONCE)
        flat = [text for run in runs for text in run[some]]
        totals += similarity(flat, [*references[some]] * len(runs)).reshape(len(runs), -1).sum(axis=1)
    return [float(total) for total in totals / len(references)]


def hits(said: Sequence[Sequence[str]], truth: Sequence[Sequence[str]]) -> np.ndarray:
    """Of each record, how many statements were said and true, said, and true: [N, 3]."""
    rows = [(len({*own} & {*right}), len({*own}), len({*right})) for own, right in zip(said, truth, strict=True)]
    return np.array(rows, np.float64).reshape(-1, 3)


def score_labels(runs_hits: Sequence[np.ndarray], weights_RN: np.ndarray) -> dict[str, float | None]:
    """Micro-averaged precision, recall and F1 with its 95 % interval over subjects, each the mean over runs.

    Args:
        runs_hits: of `hits`. weights_RN: of `subject_weights`.

    Returns:
        None for a precision where nothing was said.
    """
    sums_MRL = np.stack([weights_RN @ counts_NL.astype(np.float32) for counts_NL in runs_hits]).astype(np.float64)
    right, said, true = np.moveaxis(sums_MRL, 2, 0)
    f1_R = (2 * right / np.maximum(said + true, 1)).mean(axis=0)
    low, high = interval(f1_R)
    spoke = bool((said[:, 0] > 0).all())
    return {
        "label_precision": float((right[:, 0] / said[:, 0]).mean()) if spoke else None,
        "label_recall": float((right[:, 0] / np.maximum(true[:, 0], 1)).mean()),
        "label_f1": float(f1_R[0]),
        "label_f1_low": low,
        "label_f1_high": high,
    }


def caption_scores(
    captioners: Mapping[str, Sequence[Captions]], truth: Captions, weights_RN: np.ndarray, similarity: Similarity
) -> list[dict[str, str | int | float | None]]:
    """One row a captioner for metrics/details/captions/<set>.csv; figures of several runs of one are their means.

    Args:
        captioners: their runs (one, or one a seed) by name. truth: what the captions should have been.
        weights_RN: of `subject_weights`, for the N records of truth.
    """
    runs = [(name, run) for name, of_name in captioners.items() for run in of_name]
    similar = bertscore([run.texts for _, run in runs], truth.texts, similarity)
    rows: list[dict[str, str | int | float | None]] = []
    for name, of_name in captioners.items():
        rows.append(
            {
                "model": name,
                "records": len(truth.texts),
                "bleu": float(np.mean([bleu(run.texts, truth.texts) for run in of_name])),
                "rouge_l": float(np.mean([rouge_l(run.texts, truth.texts) for run in of_name])),
                "bertscore_f1": float(
                    np.mean([score for (other, _), score in zip(runs, similar, strict=True) if other == name])
                ),
                **score_labels([hits(run.statements, truth.statements) for run in of_name], weights_RN),
                "distinct": float(np.mean([len({*run.texts}) / len(run.texts) for run in of_name])),
            }
        )
    return rows
