"""Pairs -> a pretrained model: `accelerate launch -m stages.pretrain` or `python -m stages.pretrain`."""

from __future__ import annotations

from esi import params
from esi.command import run
from esi.files import write_json
from esi.model.manifest import manifest_of_pairs
from esi.pairs.dataset import load_pairs
from esi.paths import ECG, METRICS, MODEL, PAIRS
from esi.pretrain.plan import Plan
from esi.pretrain.plot import plot_training
from esi.pretrain.run import pretrain

LOGS = METRICS / "pretrain"


def main() -> None:
    """Train on the training pairs and export the model, its metrics and its curves."""
    settings = params.load()
    train_data, validation_data = (load_pairs(PAIRS, ECG, split, settings.signal) for split in ("train", "validation"))
    method = settings.pretrain.method
    plan = Plan(
        train_data=train_data,
        validation_data=validation_data,
        signal=settings.signal,
        model=settings.model,
        train=settings.train,
        max_tokens=settings.pairs.max_tokens,
        method=method,
        own=getattr(settings, method, None),
    )
    result = pretrain(plan, LOGS)
    if result.main:
        plot_training(result.log, LOGS / "training.png")
        result.model.trained_on = result.trained_on(manifest_of_pairs(PAIRS))
        result.model.save_pretrained(MODEL)
        write_json(METRICS / "pretrain.json", result.metrics)
        result.checkpoint.delete()


if __name__ == "__main__":
    run(main)
