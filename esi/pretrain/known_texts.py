"""The pooled vectors of all texts of a frozen tower, computed once a machine (LiT, Zhai et al. 2022): steps then pay nothing
for them.

660,000 pairs in three views are up to two million texts and 6 GB of vectors: they lie in memory-mapped files that all
processes read, and no process holds the texts.

Legend: B batch, H text tower's dimension, U distinct texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from tqdm import tqdm

from esi import files, sealed
from esi.closure import code_hash
from esi.errors import EsiError
from esi.model.text_tower import TextTower
from esi.train.gather import processes

Source = tuple[Any, Sequence[str]]  # pairs (`esi.pairs.dataset.PairData`) and the views of them that are wanted

BLOCK = 1024  # texts a file: what a kill loses at most, seconds of a CPU
ENCODE_BATCH = 64
HASH_ROWS = 16_384  # pairs whose texts are strings at one time


class KnownTexts:
    """The vectors of every text that the sources can give.

    They lie below the machine-local cache, keyed by the texts, the tower's weights, its tokenizer, max_tokens, precision,
    kind of device and code, in blocks of the texts' order by hash. Each process encodes every world-th block; a run that was
    killed goes on with the blocks that are missing. The bytes are the same for any number of processes and kills.

    In float32: float16 would halve 6 GB of disk at the most, and no step would be faster.

    Args:
        sources: pairs and their views.
        tower: frozen. bf16: run it in bfloat16 autocast.
        rank: of this process.

    Raises:
        EsiError: the processes do not share the cache.
    """

    def __init__(self, sources: Sequence[Source], tower: TextTower, bf16: bool, rank: int) -> None:
        self._segments = [(data, view) for data, views in sources for view in views]
        self._starts = np.cumsum([0, *(data.n for data, _ in self._segments)])
        hashes = np.fromiter(self._all_hashes(), np.uint64, int(self._starts[-1]))
        # 64 bits: that any two of two million texts share them has a probability of 1e-7.
        self._hash_U, first_U = np.unique(hashes, return_index=True)
        self._dim = tower.dim
        device = next(tower.parameters()).device
        self.folder = files.cache_folder("texts", _key(self._hash_U, tower, bf16, device))
        count = -(-len(self._hash_U) // BLOCK)
        paths = [self.folder / f"{block:05d}.npy" for block in range(count)]
        self._encode(paths, first_U, tower.eval(), bf16, rank)
        if processes() > 1:
            dist.barrier()
        absent = [path for path in paths if not path.exists()]
        if absent:
            raise EsiError(
                f"process {rank} does not see {len(absent)} of {count} files with the texts that other processes encoded in "
                f"{self.folder}: set DVC_ROOT to a folder that all nodes share"
            )
        self._blocks = [np.load(path, mmap_mode="r") for path in paths]

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """[B, H] of texts among those of the sources.

        Raises:
            ValueError: a text is not among them.
        """
        hashes = np.fromiter(_hashes(texts), np.uint64, len(texts))
        rows = np.searchsorted(self._hash_U, hashes)
        for text, known in zip(texts, np.append(self._hash_U, 0)[rows] == hashes, strict=True):
            if not known:
                raise ValueError(f"this text is not among the {len(self._hash_U)} that were encoded: {text[:80]!r}")
        vectors_BH = np.empty((len(texts), self._dim), np.float32)
        for place, row in enumerate(rows):
            vectors_BH[place] = self._blocks[row // BLOCK][row % BLOCK]
        return torch.from_numpy(vectors_BH)

    def _all_hashes(self) -> Iterator[int]:
        for data, view in self._segments:
            for start in range(0, data.n, HASH_ROWS):
                yield from _hashes(data.texts(view, torch.arange(start, min(start + HASH_ROWS, data.n))))

    def _encode(self, paths: list[Path], first_U: np.ndarray, tower: TextTower, bf16: bool, rank: int) -> None:
        """Write this process's blocks, those that are not there as they were written."""
        device = next(tower.parameters()).device
        mine = range(rank, len(paths), processes())
        total = sum(len(first_U[block * BLOCK : (block + 1) * BLOCK]) for block in mine)
        bar = tqdm(total=total, desc="encoding texts", unit="text", disable=rank > 0, mininterval=1)
        with bar, torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            for block in mine:
                first = first_U[block * BLOCK : (block + 1) * BLOCK]
                if not sealed.intact(paths[block]):
                    texts = self._texts(first)
                    order = sorted(range(len(texts)), key=lambda place: (len(texts[place]), texts[place]))
                    vectors = np.empty((len(texts), self._dim), np.float32)
                    for start in range(0, len(texts), ENCODE_BATCH):
                        chunk = order[start : start + ENCODE_BATCH]
                        ids_BL, mask_BL = tower.tokenize([texts[place] for place in chunk])
                        vectors[chunk] = tower(ids_BL.to(device), mask_BL.to(device)).cpu().numpy()
                    _write(paths[block], vectors)
                bar.update(len(first))

    def _texts(self, positions: np.ndarray) -> list[str]:
        """Texts by their positions in all sources' views one after the other."""
        texts = [""] * len(positions)
        segment_of = np.searchsorted(self._starts, positions, side="right") - 1
        for segment in np.unique(segment_of):
            places = np.flatnonzero(segment_of == segment)
            data, view = self._segments[segment]
            found = data.texts(view, torch.from_numpy(positions[places] - self._starts[segment]))
            for place, text in zip(places, found, strict=True):
                texts[place] = text
        return texts


def _hashes(texts: Iterable[str]) -> Iterator[int]:
    for text in texts:
        yield int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _write(path: Path, vectors: np.ndarray) -> None:
    with sealed.sealing(path) as temporary, temporary.open("wb") as file:
        np.save(file, vectors)


def _key(hash_U: np.ndarray, tower: TextTower, bf16: bool, device: torch.device) -> str:
    weights = [part.detach().cpu().contiguous().numpy().tobytes() for part in tower.state_dict().values()]
    settings = [tower.identity(), "bf16" if bf16 else "fp32", device.type, code_hash(__name__)]
    return files.content_hash(hash_U.tobytes(), *settings, *weights)[:32]
