"""Packed texts: every token in a place of its own, and nothing beside."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from esi.model.packing import pack

PADDING = 99


def padded(texts: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, texts))
    ids = torch.tensor([text + [PADDING] * (width - len(text)) for text in texts])
    return ids, torch.tensor([[place < len(text) for place in range(width)] for text in texts])


def test_three_texts_in_two_rows() -> None:
    packed = pack(*padded([[1, 2], [5, 6, 7, 8], [3], [1, 2]]), PADDING)
    assert packed.ids_RW.tolist() == [[5, 6, 7, 8], [1, 2, 3, PADDING]]
    assert packed.positions_RW.tolist() == [[0, 1, 2, 3], [0, 1, 0, 0]]
    assert packed.text_of_B.tolist() == [0, 2, 1, 0]
    assert packed.attends()[1, 0].int().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=9), min_size=1, max_size=12))
def test_every_text_is_found_again(texts: list[list[int]]) -> None:
    packed = pack(*padded(texts), PADDING)
    found = packed.ids_RW.flatten()[packed.place_UL]
    for text, number in zip(texts, packed.text_of_B.tolist(), strict=True):
        assert found[number][packed.mask_UL[number]].tolist() == text
    assert len(packed.place_UL) == len({tuple(text) for text in texts})
    places = packed.place_UL[packed.mask_UL].tolist()
    assert len(places) == len(set(places)) == int((packed.text_RW >= 0).sum())
    lengths = [len(text) for text in {tuple(text) for text in texts}]
    rows, width = packed.ids_RW.shape
    assert width == max(lengths)
    assert (rows - 1) * width < 2 * sum(lengths), "two rows half empty would have been one"


def test_the_padding_of_a_text_may_be_a_real_token() -> None:
    """By the mask, not by the value: [1, 99] with a real 99 is not [1] with padding."""
    ids = torch.tensor([[1, PADDING], [1, PADDING]])
    packed = pack(ids, torch.tensor([[True, True], [True, False]]), PADDING)
    assert len(packed.place_UL) == 2
    assert packed.mask_UL.sum(1).tolist() == [1, 2]
