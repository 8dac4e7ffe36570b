"""An untrained decoder that is not dull, ECG tokens for it, and what it thinks of a text, by the slow way."""

from __future__ import annotations

import torch

from esi.model.caption_decoder import CaptionDecoder
from esi.model.generation import Task, Texts

D, S = 24, 6
START, END = 1, 2


def decoder(vocabulary: int = 12, seed: int = 0) -> CaptionDecoder:
    """Untrained, but with large weights, so that the next token depends on all that comes before and on the ECG (a fresh one
    repeats its last token), and with the end likely enough for texts of many lengths.
    """
    torch.manual_seed(seed)
    model = CaptionDecoder(vocabulary, ecg_dim=D, dim=32, heads=4, layers=2).eval()
    enlarge(model)
    end = model.embedding.weight[END].detach()
    model.norm.bias.data += 0.5 * end / end.square().sum()
    return model


def enlarge(model: CaptionDecoder) -> None:
    for weight in [part for part in model.blocks.parameters() if part.ndim == 2] + [model.embedding.weight]:
        weight.data *= 4


def task(batch: int, max_tokens: int, seed: int = 0, padded: bool = True) -> Task:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.ones(batch, S, dtype=torch.bool)
    if padded:
        mask[::2, S - 2 :] = False
    return Task(3 * torch.randn(batch, S, D, generator=generator), mask, START, END, max_tokens)


def likelihoods(model: CaptionDecoder, given: Task, ids_BL: torch.Tensor) -> torch.Tensor:
    """log p of each token [B, L], by one forward pass over the whole texts without any cache."""
    whole = torch.cat([torch.full((len(ids_BL), 1), START), ids_BL], dim=1)
    with torch.no_grad():
        states = model(whole[:, :-1], given.tokens_BSD, given.mask_BS)
        return model.logits(states).log_softmax(2).gather(2, ids_BL[:, :, None]).squeeze(2)


def one(given: Task, row: int) -> Task:
    """A batch of one, without its ECG padding."""
    real = given.mask_BS[row]
    return Task(given.tokens_BSD[row : row + 1, real], real[real][None], START, END, given.max_tokens)


def text(texts: Texts, row: int) -> list[int]:
    return texts.ids_BL[row, : int(texts.length_B[row])].tolist()
