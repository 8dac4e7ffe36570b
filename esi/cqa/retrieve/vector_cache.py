"""Vectors that an endpoint was paid for: one file a text below the machine-local cache, named by model and text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from esi.errors import EsiError
from esi.files import json_hash
from esi.sealed import read_bytes, sealing

UNIT = 1e-4  # how far from one the length of an unsealed vector may be


class VectorCache:
    """Safe for several processes, and for a kill at any moment: a file is whole or absent. A damaged one is named and
    dropped, and its text is asked for again.
    """

    def __init__(self, folder: Path, base_url: str | None, model: str) -> None:
        self._folder = folder
        self._encoder = {"base_url": base_url, "model": model}

    def _path(self, text: str, **version: int) -> Path:
        name = json_hash({**self._encoder, "text": text, **version})
        return self._folder / name[:2] / f"{name[2:]}.f32"

    def get(self, text: str) -> np.ndarray | None:
        """The vector of a text, (D,) float32, or None."""
        if (content := read_bytes(self._path(text, sealed=1))) is not None:
            return np.frombuffer(content, dtype="<f4")
        return self._unsealed(text)

    def _unsealed(self, text: str) -> np.ndarray | None:
        """A vector of a release that kept no checksum, if its length of one, which most endpoints give, vouches for it."""
        path = self._path(text)
        if not path.is_file():
            return None
        content = path.read_bytes()
        vector_D = np.frombuffer(content[: len(content) // 4 * 4], dtype="<f4")
        with np.errstate(all="ignore"):
            return vector_D if abs(float(np.linalg.norm(vector_D.astype(np.float64))) - 1) < UNIT else None

    def put(self, text: str, vector_D: np.ndarray) -> None:
        """Keep a vector of finite numbers.

        Raises:
            EsiError: a number is not finite.
        """
        if not np.isfinite(vector_D).all():
            raise EsiError(
                f"the embedding endpoint gave a vector that is not finite: check embed.model {self._encoder['model']!r}"
            )
        with sealing(self._path(text, sealed=1)) as temporary:
            temporary.write_bytes(vector_D.astype("<f4").tobytes())
