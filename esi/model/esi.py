"""The whole ESI model: signal encoder, text tower, projections to one space, caption decoder (paper section 3.2).

Legend: B batch, C the model's leads, K leads of an ECG, T samples, L text tokens, S ECG tokens, D channels of the encoder,
H of the text tower, E of the shared space, N predicted caption positions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esi.model import export, generation
from esi.model.caption_decoder import CaptionDecoder
from esi.model.config import Config, EcgConfig
from esi.model.ecg_model import EcgModel, InputError
from esi.model.encoders import build_encoder
from esi.model.text_tower import TextTower


class ESI(EcgModel):
    """ECG and text encoders with one space, and a caption decoder over the ECG's tokens.

    Every parameter that requires a gradient gets one from the losses that the config names.

    Args:
        config: settings.
        text: the text tower; `ESI.fresh` loads it by the config.
        checkpoint_activations: compute the signal encoder's blocks again in the backward pass; the figures stay the same.
    """

    config: Config
    logit_bias: nn.Parameter | None  # what cosines times `logit_scale` are moved by, with SigLIP alone

    def __init__(self, config: Config, text: TextTower, checkpoint_activations: bool = False) -> None:
        super().__init__()
        self.config = config
        model = config.model
        self.text = text
        self.encoder = build_encoder(model.signal_encoder, len(config.leads), checkpoint_activations)
        self.project_ecg = nn.Linear(self.encoder.dim, model.embedding_dim)
        self.project_text = nn.Linear(text.dim, model.embedding_dim)
        # One element, not a scalar: FSDP shards along a dimension.
        self.log_logit_scale = nn.Parameter(torch.tensor([math.log(model.initial_logit_scale)]))
        # InfoNCE would give a bias no gradient: softmax cancels it.
        bias = nn.Parameter(torch.tensor([model.initial_logit_bias])) if model.contrastive_loss == "siglip" else None
        self.register_parameter("logit_bias", bias)
        self.decoder = None
        if config.captions:
            self.decoder = CaptionDecoder(
                text.vocabulary, self.encoder.dim, model.decoder_dim, model.decoder_heads, model.decoder_layers
            )
        if not config.contrastive:
            for part in (self.project_ecg, self.project_text, self.text, self.log_logit_scale, self.logit_bias):
                if part is not None:
                    part.requires_grad_(False)

    @classmethod
    def fresh(cls, config: Config, seed: int, checkpoint_activations: bool = False) -> ESI:
        """A model to pretrain: everything drawn by `seed`, but for the text tower, which comes with its weights."""
        text = TextTower.load(config.model.text_tower, config.model.text_layers_trained, config.max_tokens)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(config, text, checkpoint_activations)

    @property
    def logit_scale(self) -> Tensor:
        """What cosines are multiplied by; [1], with a gradient."""
        return self.log_logit_scale.exp()

    def clamp_logit_scale(self) -> None:
        """For after each optimiser step. Clamping the parameter, not its use, keeps its gradient alive at the limit."""
        with torch.no_grad():
            self.log_logit_scale.clamp_(max=math.log(self.config.model.max_logit_scale))

    def encode_ecg(
        self,
        ecg_BKT: Tensor,
        valid_B: Tensor | None = None,
        *,
        leads: Sequence[str] | None = None,
        rate: float | None = None,
    ) -> dict[str, Tensor]:
        """As `EcgModel.encode_ecg`, and z [B, E] (unit length: the contrastive space, the only one for zero-shot and
        retrieval).
        """
        ecg = super().encode_ecg(ecg_BKT, valid_B, leads=leads, rate=rate)
        return ecg | {"z": F.normalize(self.project_ecg(ecg["pooled"]).float(), dim=-1)}

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """z [B, E] of texts, unit length; cut at `config.max_tokens`. One forward pass: the caller chooses the batch.

        Raises:
            EsiError: nothing has trained the space, so that cosines in it would mean nothing.
        """
        if not self.config.contrastive:
            raise InputError(f"the model cannot compare ECGs with texts: {export.NO_SPACE}; pretrain one with it above 0")
        ids_BL, mask_BL = self.text.tokenize(texts)
        return self.project(self.text(ids_BL.to(self.device), mask_BL.to(self.device)))

    def project(self, text_BH: Tensor) -> Tensor:
        """Pooled text vectors [B, H] into the shared space, unit length [B, E]."""
        return F.normalize(self.project_text(text_BH).float(), dim=-1)

    def forward(
        self, ecg_BCT: Tensor, valid_B: Tensor, ids_BL: Tensor | None, mask_BL: Tensor | None, text_BH: Tensor | None = None
    ) -> dict[str, Tensor]:
        """What the losses need, for those that the config names.

        Args:
            ecg_BCT, valid_B: as in `encode_ecg`.
            ids_BL, mask_BL: tokenised texts; may be None where there is no decoder and text_BH is given.
            text_BH: the texts' pooled vectors if they are known already (frozen tower).

        Returns:
            contrastive: z_ecg, z_text [B, E]; captions: caption_states [N, decoder_dim], caption_targets [N].
        """
        out: dict[str, Tensor] = {}
        if self.config.contrastive:  # first the texts, whose packing reads lengths and waits for the device
            out["z_text"] = self.project(self.text(ids_BL, mask_BL) if text_BH is None else text_BH)
        ecg = self.encode_ecg(ecg_BCT, valid_B)
        if self.config.contrastive:
            out["z_ecg"] = ecg["z"]
        if self.decoder is not None:
            assert ids_BL is not None
            assert mask_BL is not None
            out["caption_states"], out["caption_targets"] = self.decoder.predictions(
                ids_BL, mask_BL, ecg["tokens"], ecg["mask"]
            )
        return out

    @torch.no_grad()
    def generate(
        self,
        ecg_BKT: Tensor,
        valid_B: Tensor | None = None,
        *,
        method: Literal["greedy", "beam", "nucleus"] = "greedy",
        beams: int = 4,
        length_penalty: float = 1.0,
        top_p: float = 0.9,
        temperature: float = 1.0,
        seed: int = 0,
        max_tokens: int | None = None,
        leads: Sequence[str] | None = None,
        rate: float | None = None,
    ) -> list[str]:
        """A text for each ECG, without special tokens.

        Args:
            ecg_BKT, valid_B, leads, rate: as in `encode_ecg`.
            method: see `esi.model.generation`; beams and length_penalty are for "beam", top_p, temperature and seed for
                "nucleus".
            max_tokens: where a text that has not ended stops; when None, where the training texts were cut.

        Raises:
            EsiError: the model has no decoder, or the ECGs or the settings do not fit.
        """
        if self.decoder is None:
            raise generation.GenerationError(
                "the model has no caption decoder (it was trained with train.lambda_cap 0): "
                "pretrain one with train.lambda_cap above 0"
            )
        ecg = self.encode_ecg(ecg_BKT, valid_B, leads=leads, rate=rate)
        tokenizer = self.text.tokenizer
        longest = self.config.max_tokens - 1 if max_tokens is None else max_tokens
        task = generation.Task(ecg["tokens"], ecg["mask"], tokenizer.cls_token_id, tokenizer.sep_token_id, longest)
        match method:
            case "greedy":
                texts = generation.greedy(self.decoder, task)
            case "beam":
                texts = generation.beam(self.decoder, task, beams, length_penalty)
            case "nucleus":
                texts = generation.nucleus(self.decoder, task, top_p, temperature, seed)
            case _:
                raise generation.GenerationError(f"there is no method {method!r}: choose greedy, beam or nucleus")
        return self.text.decode(texts.ids_BL)

    def _draw_signal_encoder(self) -> None:
        super()._draw_signal_encoder()
        self.project_ecg = nn.Linear(self.encoder.dim, self.config.model.embedding_dim)

    def _save_pretrained(self, save_directory: Path) -> None:
        self.text.save_config(save_directory / export.TEXT)
        super()._save_pretrained(save_directory)

    @classmethod
    def _of_export(cls, folder: Path, config: EcgConfig) -> Self:
        if not isinstance(config, Config):
            raise export.of_another_class(folder, config, "ESI")
        return cls(config, TextTower.from_config(folder / export.TEXT, config.model.text_layers_trained, config.max_tokens))
