"""Vectors that an endpoint was paid for: one file a text below the machine-local cache, named by model and text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from esi.errors import EsiError
from esi.files import json_hash, replacing


class VectorCache:
    """Safe for several processes, and for a kill at any moment: a file is whole or absent."""

    def __init__(self, folder: Path, base_url: str | None, model: str) -> None:
        self._folder = folder
        self._encoder = {"base_url": base_url, "model": model}

    def _path(self, text: str) -> Path:
        name = json_hash({**self._encoder, "text": text})
        return self._folder / name[:2] / f"{name[2:]}.f32"

    def get(self, text: str) -> np.ndarray | None:
        """The vector of a text, (D,) float32, or None."""
        try:
            return np.frombuffer(self._path(text).read_bytes(), dtype="<f4")
        except FileNotFoundError:
            return None

    def put(self, text: str, vector_D: np.ndarray) -> None:
        """Keep a vector of finite numbers.

        Raises:
            EsiError: a number is not finite.
        """
        if not np.isfinite(vector_D).all():
            raise EsiError(
                f"the embedding endpoint gave a vector that is not finite: check embed.model {self._encoder['model']!r}"
            )
        with replacing(self._path(text)) as temporary:
            temporary.write_bytes(vector_D.astype("<f4").tobytes())
