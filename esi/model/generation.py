"""Writing texts for ECGs with the caption decoder: greedy, by beam search, or drawn from the nucleus.

Each token costs one step of the decoder: keys and values of the ECG and of the text so far are kept (`Cache`).

Legend: B ECGs, L tokens written, S ECG tokens, D their channels, V vocabulary, W beams.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from esi.errors import EsiError
from esi.model.caption_decoder import CaptionDecoder

LIKELIEST = 256  # tokens that are sorted to find a nucleus, and all where it is larger: 4 ms a step for 16 texts, not 40


class GenerationError(EsiError):
    """Texts cannot be written: there is no decoder, or a setting does not fit."""


@dataclass(frozen=True)
class Task:
    """What to write about, and by which rules.

    Attributes:
        tokens_BSD, mask_BS: the ECGs, as the signal encoder gives them.
        start, end: the token that every text starts with and is not written ([CLS]), and the one that ends it ([SEP]).
        max_tokens: a text that has not ended after so many tokens stops there.
    """

    tokens_BSD: Tensor
    mask_BS: Tensor
    start: int
    end: int
    max_tokens: int

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise GenerationError(f"max_tokens is {self.max_tokens}: give at least 1")


@dataclass(frozen=True)
class Texts:
    """One text an ECG.

    Attributes:
        ids_BL: without the start token; behind the end of a text stand more end tokens.
        length_B: tokens of each, its end token counted.
        log_likelihood_B: sum over those tokens, float32, by the model's own distribution whatever the method.
    """

    ids_BL: Tensor
    length_B: Tensor
    log_likelihood_B: Tensor

    def worth(self, length_penalty: float) -> Tensor:
        """[B]: what beam search maximises, log-likelihood / length ** length_penalty."""
        return self.log_likelihood_B / self.length_B**length_penalty


@torch.no_grad()
def greedy(decoder: CaptionDecoder, task: Task) -> Texts:
    """Always the likeliest next token."""
    return _one_after_another(decoder, task, lambda logits_BV: logits_BV.argmax(dim=1))


@torch.no_grad()
def nucleus(decoder: CaptionDecoder, task: Task, top_p: float, temperature: float, seed: int) -> Texts:
    """Draw each token from the nucleus (Holtzman et al. 2020, arXiv:1904.09751, section 3.1): see `draw`.

    The same seed, model and batch give the same texts, whatever the device's generator.

    Raises:
        GenerationError: top_p is not in (0, 1], or temperature not above 0.
    """
    if not 0 < top_p <= 1:
        raise GenerationError(f"top_p is {top_p}: give a share above 0 and up to 1")
    if temperature <= 0:
        raise GenerationError(f"temperature is {temperature}: give one above 0 (near 0 the draw is greedy)")
    generator = torch.Generator().manual_seed(seed)

    def choose(logits_BV: Tensor) -> Tensor:
        uniform_B = torch.rand(len(logits_BV), generator=generator, dtype=torch.float64)
        return draw(logits_BV, top_p, temperature, uniform_B.to(logits_BV.device))

    return _one_after_another(decoder, task, choose)


def draw(logits_BV: Tensor, top_p: float, temperature: float, uniform_B: Tensor) -> Tensor:
    """Tokens [B] from the smallest set of likeliest tokens that holds `top_p` of softmax(logits / temperature).

    Args:
        uniform_B: float64 in [0, 1): which token of the set, by their cumulative shares, the likeliest first.
    """
    logits_BV = logits_BV.double() / temperature
    whole_B1 = logits_BV.logsumexp(dim=1, keepdim=True)
    some_BV, token_BV = logits_BV.topk(min(LIKELIEST, logits_BV.shape[1]), dim=1)
    if bool(((some_BV - whole_B1).exp().sum(dim=1) < top_p).any()):
        some_BV, token_BV = logits_BV.sort(dim=1, descending=True)
    share_BV = (some_BV - whole_B1).exp()
    inside_BV = share_BV.cumsum(dim=1) - share_BV < top_p  # what stands before a token does not hold top_p yet
    up_to_BV = (share_BV * inside_BV).cumsum(dim=1)
    place_B1 = torch.searchsorted(up_to_BV, uniform_B[:, None] * up_to_BV[:, -1:], right=True)
    last_B1 = inside_BV.sum(dim=1, keepdim=True) - 1  # rounding could carry the place beyond it
    return token_BV.gather(1, place_B1.minimum(last_B1)).squeeze(1)


@torch.no_grad()
def beam(decoder: CaptionDecoder, task: Task, beams: int, length_penalty: float) -> Texts:
    """The most worthy text (`Texts.worth`) that a beam search finds; never a less worthy one than greedy's.

    A text that has ended keeps its place among the beams, so that one beam is greedy and enough beams find the best text of
    all. The search stops when no unended text can become the most worthy any more. A plain beam may lose the greedy text on
    the way and end with a worse one: that text is therefore written too, and taken where it is better.

    Raises:
        GenerationError: beams is below 1, or length_penalty negative.
    """
    if beams < 1 or length_penalty < 0:
        raise GenerationError(
            f"beams is {beams} and length_penalty {length_penalty}: give at least 1 beam and a penalty of 0 or more"
        )
    batch, device = len(task.tokens_BSD), task.tokens_BSD.device
    cache = decoder.start(task.tokens_BSD, task.mask_BS)
    token_BW = torch.full((batch, beams), task.start, device=device)
    ids_BWL = token_BW.new_empty(batch, beams, 0)
    total_BW = torch.full((batch, beams), -torch.inf, device=device)  # log-likelihoods
    total_BW[:, 0] = 0  # all beams start alike: only one counts
    length_BW = torch.zeros_like(token_BW)
    ended_BW = torch.zeros_like(token_BW, dtype=torch.bool)
    first_row_B1 = torch.arange(batch, device=device)[:, None] * beams
    for _ in range(task.max_tokens):
        logits_BWV = decoder.logits(decoder.step(token_BW.flatten(), cache)).float().unflatten(0, (batch, beams))
        step_BWV = logits_BWV.log_softmax(dim=2)
        vocabulary = step_BWV.shape[2]
        stays_BWV = ended_BW[:, :, None] & (torch.arange(vocabulary, device=device) == task.end)
        next_BWV = total_BW[:, :, None] + step_BWV.masked_fill(ended_BW[:, :, None], -torch.inf).masked_fill(stays_BWV, 0)
        chosen_BW = next_BWV.masked_fill(stays_BWV, torch.inf).flatten(1).topk(beams).indices
        parent_BW, token_BW = chosen_BW // vocabulary, chosen_BW % vocabulary
        total_BW = next_BWV.flatten(1).gather(1, chosen_BW)
        was_BW = ended_BW.gather(1, parent_BW)
        length_BW = length_BW.gather(1, parent_BW) + ~was_BW
        ids_BWL = torch.cat([ids_BWL.gather(1, parent_BW[:, :, None].expand_as(ids_BWL)), token_BW[:, :, None]], dim=2)
        ended_BW = was_BW | ((token_BW == task.end) & total_BW.isfinite())
        worth_BW = total_BW / length_BW**length_penalty
        best_B = worth_BW.masked_fill(~ended_BW, -torch.inf).amax(dim=1)
        hope_B = total_BW.masked_fill(ended_BW, -torch.inf).amax(dim=1) / task.max_tokens**length_penalty
        if bool((best_B >= hope_B).all()):
            break
        cache.take((first_row_B1 + parent_BW).flatten())
    place_B1 = worth_BW.argmax(dim=1, keepdim=True)
    ids_BL = ids_BWL.gather(1, place_B1[:, :, None].expand(-1, -1, ids_BWL.shape[2])).squeeze(1)
    found = Texts(ids_BL, length_BW.gather(1, place_B1).squeeze(1), total_BW.gather(1, place_B1).squeeze(1))
    return _better(found, greedy(decoder, task), length_penalty, task.end) if beams > 1 else found


def _one_after_another(decoder: CaptionDecoder, task: Task, choose: Callable[[Tensor], Tensor]) -> Texts:
    """Write by a rule that takes logits [B, V] to tokens [B]."""
    batch, device = len(task.tokens_BSD), task.tokens_BSD.device
    cache = decoder.start(task.tokens_BSD, task.mask_BS)
    token_B = torch.full((batch,), task.start, device=device)
    ended_B = torch.zeros_like(token_B, dtype=torch.bool)
    length_B, total_B = torch.zeros_like(token_B), torch.zeros(batch, device=device)
    written = []
    for _ in range(task.max_tokens):
        logits_BV = decoder.logits(decoder.step(token_B, cache)).float()
        token_B = choose(logits_BV).masked_fill(ended_B, task.end)
        own_B = logits_BV.log_softmax(dim=1).gather(1, token_B[:, None]).squeeze(1)
        total_B = total_B + own_B.masked_fill(ended_B, 0)
        length_B = length_B + ~ended_B
        written.append(token_B)
        ended_B = ended_B | (token_B == task.end)
        if bool(ended_B.all()):
            break
    return Texts(torch.stack(written, dim=1), length_B, total_B)


def _better(one: Texts, other: Texts, length_penalty: float, end: int) -> Texts:
    """The more worthy text of each two; the first where they are equal."""
    longest = max(one.ids_BL.shape[1], other.ids_BL.shape[1])
    ids_BL, other_ids_BL = (F.pad(texts.ids_BL, (0, longest - texts.ids_BL.shape[1]), value=end) for texts in (one, other))
    better_B = other.worth(length_penalty) > one.worth(length_penalty)
    return Texts(
        torch.where(better_B[:, None], other_ids_BL, ids_BL),
        torch.where(better_B, other.length_B, one.length_B),
        torch.where(better_B, other.log_likelihood_B, one.log_likelihood_B),
    )
