"""Fine-tuning on a classification task (paper, 4.2.3), and the same encoder trained on its labels from scratch, the control.

Legend: N records, K classes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score

from esi.closure import code_hash
from esi.ecg.signals import gather_millivolts
from esi.errors import EsiError
from esi.evaluate.ecg_set import EcgSet, Split
from esi.evaluate.fine_tune.classifier import Classifier, Examples, fresh_encoder, predict
from esi.evaluate.fine_tune.fit import FitSettings, fit
from esi.evaluate.models.encoders import Candidate
from esi.evaluate.models.registry import EVALUATED, SUPERVISED
from esi.evaluate.predictions import Prediction
from esi.evaluate.shares import draw_share
from esi.evaluate.tasks import Task
from esi.files import content_hash
from esi.settings.evaluation import FineTune
from esi.train.checkpoint import Checkpoint
from esi.train.launch import Launch


@dataclass(frozen=True)
class Run:
    """One fit: which model, on which share of the labels, drawn by which seed."""

    model: str  # the evaluated one, or supervised: fresh weights
    share: float
    seed: int

    def fit_settings(self, settings: FineTune) -> FitSettings:
        """From scratch every layer has as much to learn: no layer-wise decay, and a rate and epochs of its own."""
        ours = self.model == EVALUATED
        return FitSettings(
            lr=settings.lr if ours else settings.supervised_lr,
            epochs=settings.epochs if ours else settings.supervised_epochs,
            patience=settings.patience,
            batch_size=settings.batch_size,
            layer_decay=settings.layer_decay if ours else 1.0,
            weight_decay=settings.weight_decay,
            warmup_epochs=settings.warmup_epochs,
            average=settings.average,
            seed=self.seed,
        )


def runs_of(settings: FineTune) -> Iterator[Run]:
    """All that a task is fitted for."""
    for model in (EVALUATED, SUPERVISED):
        for share in settings.shares:
            for seed in settings.seeds:
                yield Run(model, share, seed)


def examples(ecgs: EcgSet, split: Split) -> Examples:
    """Records of a split with their multi-label targets."""
    places = [(ecgs.store, ecgs.store.row_of[record]) for record in split.records]

    def ecg(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        ecg_BCT, valid_B = map(torch.from_numpy, gather_millivolts([places[row] for row in rows.tolist()]))
        return ecg_BCT, valid_B

    return Examples(ecg, torch.from_numpy(split.labels_NK).float())


def macro_auroc(labels_NK: np.ndarray, scores_NK: np.ndarray) -> float:
    """The mean over the classes that have positives and negatives.

    Raises:
        EsiError: no class has both.
    """
    both = labels_NK.any(axis=0) & ~labels_NK.all(axis=0)
    if not both.any():
        raise EsiError("no class has both positive and negative validation records: use a larger validation fold")
    return float(roc_auc_score(labels_NK[:, both], scores_NK[:, both], average="macro"))


def fine_tune(
    task: Task, ecgs: EcgSet, pretrained: Candidate, run: Run, settings: FineTune, batch_size: int, launch: Launch
) -> tuple[Checkpoint, list[Prediction]]:
    """Fit one classifier and predict validation and test records with its best weights.

    Args:
        pretrained: the evaluated model; a supervised run takes from it nothing but the kind of encoder.
        batch_size: records that are predicted at a time.

    Returns:
        The run's checkpoint, to be deleted once its predictions are written, and the predictions: none but on the main
        process.
    """
    ecgs.refuse_other_signals(pretrained.model)
    fit_settings = run.fit_settings(settings)
    config = pretrained.model.config
    train = draw_share(ecgs.split(task, "train"), run.share, run.seed)
    others = {name: ecgs.split(task, name) for name in ("validation", "test")}
    data = {name: examples(ecgs, split) for name, split in others.items()}
    validation = others["validation"]
    if run.model == EVALUATED:
        first, encoder = pretrained.key, copy.deepcopy(pretrained.model.encoder)
    else:
        first = f"{config.encoder} {len(config.leads)}"
        encoder = fresh_encoder(config.encoder, len(config.leads), run.seed)
    checkpoint = Checkpoint(
        {
            "code": code_hash(__name__),
            "run": asdict(run),
            "settings": asdict(fit_settings),
            "bf16": launch.bf16,
            "device": launch.device.type,
            "batch_size": batch_size,  # of the validation, which chooses the epoch
            "first": first,
            "store": ecgs.store.key,
            "train": _fingerprint(train),
            "validation": _fingerprint(validation),
        }
    )

    def scores(classifier: Classifier, name: str) -> np.ndarray:
        return predict(classifier, data[name].batch, data[name].n, batch_size).numpy()

    classifier = fit(
        Classifier(encoder, len(task.classes), run.seed),
        examples(ecgs, train),
        F.binary_cross_entropy_with_logits,
        lambda classifier: macro_auroc(validation.labels_NK, scores(classifier, "validation")),
        fit_settings,
        launch,
        checkpoint,
        f"{task.name}, {run.model}, {run.share:.0%} of the labels, seed {run.seed}",
    )
    if not launch.main:
        return checkpoint, []
    return checkpoint, [
        Prediction(run.model, name, split, scores(classifier, name), run.share, run.seed) for name, split in others.items()
    ]


def _fingerprint(split: Split) -> str:
    return content_hash(str(split.labels_NK.shape), np.packbits(split.labels_NK).tobytes(), *split.records)
