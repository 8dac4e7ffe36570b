"""The evaluated model and its copies with a random signal encoder: whatever encodes ECGs itself."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from esi.evaluate.contamination import refuse_contaminated, unproven
from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.models.registry import EVALUATED, RANDOM
from esi.evaluate.models.texts import TextEncoder
from esi.files import content_hash, file_hash
from esi.model import export
from esi.model.ecg_model import EcgModel
from esi.model.esi import ESI
from esi.model.load import load
from esi.paths import MODEL
from esi.settings.evaluation import Evaluate


@dataclass(frozen=True)
class Candidate:
    """An encoder that is evaluated."""

    name: str  # of its entry in `esi.evaluate.models.registry`
    seed: int  # of the random weights
    key: str  # content hash
    model: EcgModel

    @property
    def esi(self) -> ESI:
        """The model, where it has a space of ECGs and texts, or captions."""
        assert isinstance(self.model, ESI), f"{self.name} has {sorted(self.model.abilities)} alone"
        return self.model


class Encoders:
    """The evaluated model, and its copies with a randomly initialised signal encoder, on the GPU where there is one.

    Every figure stands beside its counterpart from the random encoders: a task that they solve as well proves nothing.
    Iteration gives all of them; a copy is made when it is asked for.

    Args:
        model: folder of any exported model, or its id on the Hub. sets: the data sets that it will be evaluated on.
        own: refuse it where it does not say what it was trained on. Of somebody else's model that is `unproven`.

    Attributes:
        evaluated: the model itself.
        unproven: why nobody knows whether its figures are those of a fair test, by its name; empty where that is proven.

    Raises:
        ContaminationError: the model was trained on a test or validation subject or signal of one of the sets, or (own) does
            not say what it was trained on.
    """

    def __init__(self, model: Path | str, random_seeds: list[int], sets: Iterable[EcgSet], own: bool = True) -> None:
        folder = export.located(model)
        pretrained = load(folder).to("cuda" if torch.cuda.is_available() else "cpu").eval()
        reason = unproven(pretrained, model)
        self.unproven = {EVALUATED: reason} if reason and not own else {}
        if self.unproven:
            print(f"unproven: {reason}", file=sys.stderr)
        else:
            for ecgs in sets:
                refuse_contaminated(pretrained, model, ecgs.dataset, ecgs.records)
        key = content_hash(file_hash(folder / export.WEIGHTS), file_hash(folder / export.CONFIG))
        self.evaluated = Candidate(EVALUATED, 0, key, pretrained)
        self._random_seeds = random_seeds

    @classmethod
    def of(cls, settings: Evaluate, sets: Iterable[EcgSet]) -> Encoders:
        """Those of params.yaml."""
        return cls(settings.model, settings.random_seeds, sets, own=Path(settings.model) == MODEL)

    def __iter__(self) -> Iterator[Candidate]:
        yield self.evaluated
        for seed in self._random_seeds:
            other = self.evaluated.model.with_random_signal_encoder(seed).eval()
            yield Candidate(RANDOM, seed, content_hash(self.evaluated.key, RANDOM, str(seed)), other)

    @cached_property
    def texts(self) -> TextEncoder:
        """The texts that the candidates share: the random copies have the evaluated model's."""
        return TextEncoder(self.evaluated.esi)
