"""A linear classifier of subjects that learns together with the encoder (paper, 4.4: fine-tuning)."""

from __future__ import annotations

import copy
from dataclasses import asdict

import numpy as np
import torch
import torch.nn.functional as F

from esi.closure import code_hash
from esi.ecg.signals import SignalStore
from esi.evaluate.fine_tune.classifier import Classifier, Examples, predict
from esi.evaluate.fine_tune.fit import FitSettings, fit
from esi.evaluate.identify.trials import Trial, signals
from esi.evaluate.models.encoders import Candidate
from esi.files import content_hash
from esi.settings.evaluation import Identify
from esi.train.checkpoint import Checkpoint
from esi.train.launch import join


def fine_tuned_scores(candidate: Candidate, trial: Trial, store: SignalStore, settings: Identify, seed: int) -> np.ndarray:
    """The logits [P, G] of the probes after `fine_tune_epochs` on the gallery; from a random candidate it is the supervised
    run from scratch.

    A subject has one strip to learn from and the other is the test, so nothing is held out to stop by: the epoch with the
    smallest loss on the gallery counts.
    """
    launched = join("stages.identify", "auto", "identify")
    gallery_GCT, valid_G = signals(store, trial.gallery, trial.gallery_strip)
    gallery = Examples(lambda rows: (gallery_GCT[rows], valid_G[rows]), torch.arange(len(trial.gallery)))
    fit_settings = FitSettings(
        lr=settings.fine_tune_lr,
        epochs=settings.fine_tune_epochs,
        patience=settings.fine_tune_epochs,
        batch_size=settings.batch_size,
        layer_decay=1.0,
        weight_decay=0.0,
        warmup_epochs=0.0,
        average=0.0,
        seed=seed,
    )
    checkpoint = Checkpoint(
        {
            "code": code_hash(__name__),
            "protocol": f"identification, {trial.protocol}",
            "settings": asdict(fit_settings),
            "bf16": launched.bf16,
            "device": launched.device.type,
            "first": candidate.key,
            "store": store.key,
            "strip": str(trial.gallery_strip),
            "gallery": content_hash(*trial.gallery),
        }
    )

    def fits(classifier: Classifier) -> float:
        logits_GG = predict(classifier, gallery.batch, gallery.n, settings.batch_size)
        return -float(F.cross_entropy(logits_GG, gallery.targets))

    classifier = fit(
        Classifier(copy.deepcopy(candidate.model.encoder), gallery.n, seed),
        gallery,
        F.cross_entropy,
        fits,
        fit_settings,
        launched,
        checkpoint,
        f"identification, {candidate.name} {candidate.seed}, seed {seed}",
    )
    probes_PCT, valid_P = signals(store, trial.probes, trial.probe_strip)
    scores_PG = predict(classifier, lambda rows: (probes_PCT[rows], valid_P[rows]), len(probes_PCT), settings.batch_size)
    checkpoint.delete()
    return scores_PG.numpy()
