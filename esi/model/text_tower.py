"""The text encoder: a Hugging Face BERT with mean pooling (paper section 3.2: BioLinkBERT), wholly, partly or not trained.

Legend: B texts, L tokens, H hidden dimension of the BERT; R, W and U as in packing.py.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging

from esi.errors import EsiError
from esi.model.packing import pack
from esi.text.packaged import bert_source

# A fast tokenizer raises "Already borrowed" when two threads use it: validation and the thread that makes the next batch.
_TOKENIZING = threading.Lock()
_SAMPLE = "sinus rhythm with a wide QRS complex"
_SIZES = {  # of a BERT's config: the most that is believed
    "hidden_size": 65_536,
    "num_hidden_layers": 1024,
    "num_attention_heads": 1024,
    "intermediate_size": 1_048_576,
    "vocab_size": 16_777_216,
    "max_position_embeddings": 16_777_216,
    "type_vocab_size": 1024,
}


class TextTowerError(EsiError):
    """A text tower cannot be loaded, or does not fit its settings."""


class TextTower(nn.Module):
    """Texts -> the mean of the last layer over their real tokens.

    Args:
        bert: a BERT without pooling head.
        tokenizer: its tokenizer.
        layers_trained: how many of the last layers learn: 0 none, -1 all and the embeddings too.
        max_tokens: where texts are cut, special tokens counted.

    Raises:
        TextTowerError: layers_trained or max_tokens do not fit the BERT.
    """

    def __init__(self, bert: nn.Module, tokenizer: Any, layers_trained: int, max_tokens: int) -> None:
        super().__init__()
        self.bert = bert
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        config: Any = bert.config
        self.dim: int = config.hidden_size
        self.vocabulary: int = config.vocab_size
        layers = config.num_hidden_layers
        if layers_trained > layers:
            raise TextTowerError(
                f"model.text_layers_trained is {layers_trained}, the text tower has {layers} layers: set at most {layers}"
            )
        # The tokenizer's own limit too: RoBERTa has two positions more than it reads.
        most = min(config.max_position_embeddings, tokenizer.model_max_length)
        if max_tokens > most:
            raise TextTowerError(f"pairs.max_tokens is {max_tokens}, the text tower reads at most {most}: lower it")
        _check_tokenizer(tokenizer)
        if len(tokenizer) > self.vocabulary:
            raise TextTowerError(
                f"the tokenizer knows {len(tokenizer)} tokens, the text tower {self.vocabulary}: they do not belong together"
            )
        # Other families (RoBERTa, DeBERTa) count positions in their own ways, and eager attention adds the mask: they pad.
        self.packs = config.model_type == "bert" and config._attn_implementation == "sdpa"
        self.frozen = layers_trained == 0
        bert.requires_grad_(layers_trained == -1)
        if layers_trained > 0:
            stack: Any = getattr(getattr(bert, "encoder", None), "layer", None)
            if stack is None:  # ALBERT's layers are one
                raise TextTowerError(
                    f"model.text_layers_trained is {layers_trained}, and the layers of a text tower of the kind "
                    f"{config.model_type!r} cannot be trained in part: set 0 (frozen) or -1 (all)"
                )
            for layer in stack[layers - layers_trained :]:
                layer.requires_grad_(True)

    @classmethod
    def load(cls, name: str, layers_trained: int, max_tokens: int) -> TextTower:
        """The BERT called `name` ("packaged", a folder or a hub id) with its trained weights.

        Raises:
            TextTowerError: it is not there, is not a BERT, or has not all of its weights.
        """
        source = bert_source(name)
        try:
            with _quiet():
                bert, report = AutoModel.from_pretrained(
                    source, add_pooling_layer=False, output_loading_info=True, dtype=torch.float32
                )
                tokenizer = AutoTokenizer.from_pretrained(source)
        except Exception as error:  # the tokenizers library raises `Exception` itself
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise TextTowerError(
                f"model.text_tower is {name!r}, which cannot be loaded as a BERT ({reason}): "
                f"give 'packaged', a folder with config, weights and tokenizer, or a hub id that is downloaded or reachable"
            ) from error
        absent = sorted(report["missing_keys"]) + sorted(str(key) for key in report["mismatched_keys"])
        if absent:  # transformers would draw these at random without an error
            raise TextTowerError(
                f"the text tower {name!r} lacks {len(absent)} weights, for example {absent[:3]}: it is not a whole BERT"
            )
        if broken := not_finite(bert.state_dict()):
            raise TextTowerError(f"the text tower {name!r} is damaged: {broken}: fetch it again")
        return cls(bert, tokenizer, layers_trained, max_tokens)

    @classmethod
    def from_config(cls, folder: Path, layers_trained: int, max_tokens: int) -> TextTower:
        """The architecture and tokenizer that `save_config` wrote, with weights still to be filled in."""
        _check_sizes(folder / "config.json")
        try:
            with _quiet():
                bert = AutoModel.from_config(AutoConfig.from_pretrained(folder), add_pooling_layer=False)
                tokenizer = AutoTokenizer.from_pretrained(folder)
        except Exception as error:  # the tokenizers library raises `Exception` itself
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise TextTowerError(f"{folder}: no text tower settings to read there ({reason})") from error
        return cls(bert, tokenizer, layers_trained, max_tokens)

    def save_config(self, folder: Path) -> None:
        """Write the BERT's config and the tokenizer (not the weights)."""
        config: Any = self.bert.config
        config.save_pretrained(folder)
        for how_it_was_found in ("is_local", "local_files_only"):  # HF_HUB_OFFLINE would change the bytes of the export
            self.tokenizer.init_kwargs.pop(how_it_was_found, None)
        with _TOKENIZING:
            self._forget_last_call()
            self.tokenizer.save_pretrained(folder)

    def identity(self) -> str:
        """Tokenizer, architecture and cut: with the weights, all that the vector of a text depends on."""
        config: Any = self.bert.config
        with _TOKENIZING:
            self._forget_last_call()
            tokenizer = self.tokenizer.backend_tokenizer.to_str()
        return f"{tokenizer} {config.to_json_string()} {self.max_tokens}"

    def _forget_last_call(self) -> None:
        """A fast tokenizer keeps truncation and padding of its last call, and would write them; each call sets its own."""
        self.tokenizer.backend_tokenizer.no_truncation()
        self.tokenizer.backend_tokenizer.no_padding()

    def train(self, mode: bool = True) -> TextTower:
        """A frozen tower stays in evaluation mode: its dropout would be noise that nothing learns from."""
        return super().train(mode and not self.frozen)

    def tokenize(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """ids [B, L] int64 as [CLS] ... [SEP], padded to the longest, and mask [B, L] bool, on the CPU."""
        with _TOKENIZING:
            coded = self.tokenizer(
                list(texts),
                padding=True,
                padding_side="right",
                truncation=True,
                max_length=self.max_tokens,
                return_tensors="pt",
            )
        return coded["input_ids"], coded["attention_mask"].bool()

    def decode(self, ids_BL: Tensor) -> list[str]:
        """The texts of tokens, without special tokens."""
        with _TOKENIZING:
            return self.tokenizer.batch_decode(ids_BL, skip_special_tokens=True)

    def forward(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        """Mean of the last layer over real tokens, [B, H] float32.

        Identical texts are read once (and share their dropout in training), and a BERT computes no padding to speak of.
        """
        if not self.packs:
            return _mean(self.bert(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state, mask_BL)
        packed = pack(ids_BL, mask_BL, self.tokenizer.pad_token_id)
        hidden_RWH = self.bert(
            input_ids=packed.ids_RW, attention_mask=packed.attends(), position_ids=packed.positions_RW
        ).last_hidden_state
        return _mean(hidden_RWH.flatten(0, 1)[packed.place_UL], packed.mask_UL)[packed.text_of_B]


def not_finite(weights: Mapping[str, Tensor]) -> str | None:
    """Which weights hold NaN or infinity, in words; None where all are numbers."""
    broken = [name for name, part in weights.items() if part.is_floating_point() and not torch.isfinite(part).all()]
    return f"{len(broken)} of {len(weights)} weights are not finite, for example {broken[0]}" if broken else None


def _check_sizes(path: Path) -> None:
    """Refuse a BERT's config with sizes that no BERT has, before anything is built by it.

    Raises:
        TextTowerError: it names the field and its range.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TextTowerError(f"{path}: no text tower settings to read there ({error})") from None
    if not isinstance(content, dict):
        raise TextTowerError(f"{path}: no text tower settings to read there (it is no JSON object)")
    for name, most in _SIZES.items():
        value = content.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise TextTowerError(f"{path}: {name} is {value!r}, where whole numbers from 1 to {most:,} make a text tower")


def _check_tokenizer(tokenizer: Any) -> None:
    """Refuse a tokenizer that cannot read: one without the tokens that frame a text, or that knows no letter of it.

    Raises:
        TextTowerError: it says what is missing.
    """
    absent = [name for name in ("cls_token_id", "sep_token_id", "pad_token_id") if getattr(tokenizer, name, None) is None]
    if absent:
        raise TextTowerError(f"the text tower's tokenizer has no {', '.join(absent)}: it is damaged, or not a BERT's")
    with _TOKENIZING:
        ids = tokenizer(_SAMPLE)["input_ids"]
    words = [each for each in ids if each not in (tokenizer.cls_token_id, tokenizer.sep_token_id)]
    if len(words) == len(ids) or not any(each != tokenizer.unk_token_id for each in words):
        raise TextTowerError(f"the text tower's tokenizer makes {ids} of {_SAMPLE!r}: it is damaged, or not a BERT's")


def _mean(hidden_BLH: Tensor, mask_BL: Tensor) -> Tensor:
    return (hidden_BLH.float() * mask_BL.unsqueeze(2)).sum(dim=1) / mask_BL.sum(dim=1, keepdim=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers reports every unused pooling weight and draws a bar for loading; errors still come through."""
    level, bar = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bar:
            transformers_logging.enable_progress_bar()
