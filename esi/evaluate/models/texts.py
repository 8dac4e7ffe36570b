"""Texts in the space that a model's ECGs and texts share.

Legend: P prompts of a class, E embedding width.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import torch
from tqdm import tqdm

from esi.model.esi import ESI

AT_ONCE = 64


class TextEncoder:
    """A text is embedded once, however many classes, tasks and models ask for it: the copies of a model with a random signal
    encoder have its texts, and so these vectors.
    """

    def __init__(self, model: ESI) -> None:
        self._model = model
        self._vector_of: dict[str, np.ndarray] = {}

    @torch.inference_mode()
    def __call__(self, prompts: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """The embeddings [P, E] of each class's prompts, float32, unit length."""
        new = [text for text in dict.fromkeys(chain.from_iterable(prompts)) if text not in self._vector_of]
        starts = range(0, len(new), AT_ONCE)
        for start in tqdm(starts, desc="texts", unit="batch", leave=False, disable=len(starts) < 10):
            texts = new[start : start + AT_ONCE]
            self._vector_of |= dict(zip(texts, self._model.encode_text(texts).float().cpu().numpy(), strict=True))
        return [np.stack([self._vector_of[text] for text in of_class]) for of_class in prompts]
