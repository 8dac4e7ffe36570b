from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score

from esi.evaluate.fine_tune.classifier import Classifier, Examples, predict
from esi.evaluate.fine_tune.fit import FitSettings, fit
from esi.train.checkpoint import Checkpoint
from esi.train.launch import join
from esi.train.loop import TrainingError
from tests.evaluate.fine_tuning_run import SETTINGS, fresh, made_up

bce = F.binary_cross_entropy_with_logits


class Scores:
    """A validation that says what it is told, and keeps the weights that it was asked about."""

    def __init__(self, *values: float) -> None:
        self.values = list(values)
        self.seen: list[dict[str, torch.Tensor]] = []

    def __call__(self, classifier: Classifier) -> float:
        assert not classifier.training
        self.seen.append({name: part.cpu().clone() for name, part in classifier.state_dict().items()})
        return self.values[len(self.seen) - 1]


def run(validate: Any, train: Examples | None = None, loss: Any = bce, **changes: Any) -> Classifier:
    settings = FitSettings(**(SETTINGS | changes))
    classifier, checkpoint = fresh(), Checkpoint({"test": True})
    return fit(
        classifier,
        train or made_up(16, 0),
        loss,
        validate,
        settings,
        join("stages.fine_tune", "fp32", "fine_tune"),
        checkpoint,
        "task",
    )


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(part.cpu(), other[name]) for name, part in one.items())


def test_it_stops_without_a_better_score_and_returns_the_best_weights(own_cache: Path) -> None:
    scores = Scores(0.5, 0.7, 0.7, 0.6)
    classifier = run(scores, epochs=9, patience=2)
    assert len(scores.seen) == 4
    assert same(classifier.state_dict(), scores.seen[1]), "of two equal scores the earlier epoch's"
    assert not same(scores.seen[1], scores.seen[3])
    assert not classifier.training


def test_it_learns(own_cache: Path) -> None:
    held_out = made_up(60, 3)

    def auroc(classifier: Classifier) -> float:
        scores_NK = predict(classifier, held_out.batch, held_out.n, 7).numpy()
        return float(roc_auc_score(held_out.targets.numpy(), scores_NK))

    classifier = run(auroc, made_up(48, 2), epochs=6, patience=6, lr=3e-3, layer_decay=1.0)
    assert auroc(fresh()) < 0.7
    assert auroc(classifier) > 0.9


def test_single_label_targets_are_learnt_too(own_cache: Path) -> None:
    """Identification: one of K classes."""
    made = made_up(16, 0)
    train = replace(made, targets=made.targets.argmax(dim=1))
    losses = [F.cross_entropy(predict(fresh(), train.batch, 16, 16), train.targets).item()]

    def fit_of_training(classifier: Classifier) -> float:
        losses.append(F.cross_entropy(predict(classifier, train.batch, 16, 16), train.targets).item())
        return -losses[-1]

    run(fit_of_training, train, F.cross_entropy, epochs=3, lr=3e-3, layer_decay=1.0)
    assert losses[-1] < 0.9 * losses[0]


def test_the_first_steps_are_adamws_with_the_gradient_clipped(own_cache: Path) -> None:
    """One step by hand: whole batch, cosine of a run of two epochs, decay on weights alone."""
    train, reference = made_up(8, 0), fresh()
    optimizer = torch.optim.AdamW(
        [
            {"params": [part for part in reference.parameters() if part.ndim >= 2], "weight_decay": 0.05},
            {"params": [part for part in reference.parameters() if part.ndim < 2], "weight_decay": 0.0},
        ],
        lr=0.5 * 1e-2,  # half a cosine between 1 and 0
    )
    loss = 100 * bce(reference(*train.batch(torch.arange(8))), train.targets)
    loss.backward()
    norm = torch.sqrt(sum((part.grad**2).sum() for part in reference.parameters() if part.grad is not None))
    assert norm > 1
    for part in reference.parameters():
        assert part.grad is not None
        part.grad /= norm
    optimizer.step()
    scores = Scores(1.0, 0.0)
    run(scores, train, lambda *args: 100 * bce(*args), epochs=2, lr=1e-2, layer_decay=1.0, warmup_epochs=0.0)
    for name, part in reference.state_dict().items():
        # AdamW's first step is the gradient's sign: rounding may turn it where a gradient is 1e-8.
        changed = (scores.seen[0][name] - part).abs() > 1e-4
        assert changed.float().mean() < 1e-3, name


def test_the_average_is_what_is_validated_and_returned(own_cache: Path) -> None:
    """Two updates by hand: the first keeps min(decay, 1/10), the second min(decay, 2/11)."""
    made, plain, averaged, slow = made_up(8, 0), Scores(0.1, 0.2), Scores(0.1, 0.2), Scores(0.1, 0.2)
    run(plain, made, epochs=2)
    Checkpoint({"test": True}).delete()
    classifier = run(averaged, made, epochs=2, average=0.999)
    Checkpoint({"test": True}).delete()
    run(slow, made, epochs=2, average=0.1)
    first = {name: part.clone() for name, part in fresh().state_dict().items()}
    for kept, scores in (((0.1, 2 / 11), averaged), ((0.1, 0.1), slow)):
        for name, part in scores.seen[1].items():
            one = kept[0] * first[name] + (1 - kept[0]) * plain.seen[0][name]
            torch.testing.assert_close(scores.seen[0][name], one, atol=1e-6, rtol=1e-5)
            torch.testing.assert_close(part, kept[1] * one + (1 - kept[1]) * plain.seen[1][name], atol=1e-6, rtol=1e-5)
    assert same(classifier.state_dict(), averaged.seen[1])


def test_what_is_not_finite_stops_with_a_sentence(own_cache: Path) -> None:
    with pytest.raises(
        TrainingError,
        match=r"task: step \d \(epoch 0\): .*'loss': nan.* is not finite.*training record 3.*lower the learning rate",
    ):
        run(Scores(1.0, 1.0, 1.0), made_up(16, 0, broken=3))
    with pytest.raises(TrainingError, match="validation score after epoch 1 is nan"):
        run(Scores(float("nan")))


def test_a_warm_up_as_long_as_the_run_is_refused(own_cache: Path) -> None:
    with pytest.raises(TrainingError, match=r"warmup_epochs \(3\) must be below epochs \(3\)"):
        run(Scores(), warmup_epochs=3.0)


def test_a_run_that_is_through_is_not_fitted_again(own_cache: Path) -> None:
    first = run(Scores(0.1, 0.3, 0.2))
    again = run(Scores())
    assert same(first.state_dict(), {name: part.cpu() for name, part in again.state_dict().items()})


def test_logits_are_float32_under_autocast() -> None:
    """In bfloat16 the scores of many records would tie."""
    made = made_up(8, 0)
    with torch.autocast("cpu", torch.bfloat16):
        logits_BK = fresh()(*made.batch(torch.arange(8)))
    assert logits_BK.dtype == torch.float32
    assert len(np.unique(logits_BK.detach().numpy()[:, 0])) == 8


def test_rows_are_predicted_in_order_whatever_the_batch() -> None:
    made, classifier = made_up(10, 0), fresh()
    torch.testing.assert_close(predict(classifier, made.batch, 10, 3), predict(classifier, made.batch, 10, 10))
