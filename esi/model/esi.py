"""The whole ESI model: signal encoder, text tower, projections to one space, caption decoder, export (paper section 3.2).

Shapes: B batch, C leads, T samples, L text tokens, S ECG tokens, D channels of the encoder, H of the text tower, E of the
shared space, N predicted caption positions.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from esi import files
from esi.errors import EsiError
from esi.model.caption_decoder import CaptionDecoder
from esi.model.convnext1d import SIZES, ConvNeXt1d
from esi.model.text_tower import TextTower
from esi.settings.data import Signal
from esi.settings.learning import Model
from esi.settings.section import Section

CONFIG, WEIGHTS, TEXT = "config.json", "model.safetensors", "text"


class ExportError(EsiError):
    """A model folder is incomplete or does not fit its own config."""


class Config(Section):
    """All that is needed to build the model again; written beside the weights."""

    signal: Signal  # what the ECGs were like that the model was trained on
    model: Model
    leads: int
    max_tokens: int
    contrastive: bool  # False: nothing trains the shared space (lambda_con = 0)
    captions: bool  # False: there is no decoder (lambda_cap = 0)


class ESI(nn.Module):
    """ECG and text encoders with one space, and a caption decoder over the ECG's tokens.

    Every parameter that requires a gradient gets one from the losses that the config names.

    Args:
        config: settings.
        text: the text tower; `ESI.fresh` loads it by the config.
    """

    def __init__(self, config: Config, text: TextTower) -> None:
        super().__init__()
        self.config = config
        model = config.model
        self.text = text
        self.encoder = ConvNeXt1d(SIZES[model.signal_encoder], config.leads)
        self.project_ecg = nn.Linear(self.encoder.dim, model.embedding_dim)
        self.project_text = nn.Linear(text.dim, model.embedding_dim)
        self.log_logit_scale = nn.Parameter(torch.tensor(math.log(model.initial_logit_scale)))
        self.decoder = None
        if config.captions:
            self.decoder = CaptionDecoder(
                text.vocabulary, self.encoder.dim, model.decoder_dim, model.decoder_heads, model.decoder_layers
            )
        if not config.contrastive:
            for part in (self.project_ecg, self.project_text, self.text, self.log_logit_scale):
                part.requires_grad_(False)

    @classmethod
    def fresh(cls, config: Config, seed: int) -> ESI:
        """A model to pretrain: everything drawn by `seed`, but for the text tower, which comes with its weights."""
        text = TextTower.load(config.model.text_tower, config.model.text_layers_trained, config.max_tokens)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(config, text)

    @property
    def device(self) -> torch.device:
        return self.log_logit_scale.device

    @property
    def logit_scale(self) -> Tensor:
        """What cosines are multiplied by; a scalar with a gradient."""
        return self.log_logit_scale.exp()

    def clamp_logit_scale(self) -> None:
        """For after each optimiser step. Clamping the parameter, not its use, keeps its gradient alive at the limit."""
        with torch.no_grad():
            self.log_logit_scale.clamp_(max=math.log(self.config.model.max_logit_scale))

    def encode_ecg(self, ecg_BCT: Tensor, valid_B: Tensor | None = None) -> dict[str, Tensor]:
        """Encode ECGs.

        Args:
            ecg_BCT: millivolts, float32, leads in the order of `esi.ecg.leads.LEADS`, at `config.signal.rate`.
            valid_B: real samples of each record; all of them when None.

        Returns:
            tokens [B, S, D], mask [B, S] (True where real), pooled [B, D] (the features for probes), z [B, E] (unit length:
            the contrastive space, the only one for zero-shot and retrieval).
        """
        tokens_BSD, mask_BS, pooled_BD = self.encoder(ecg_BCT.to(self.device), valid_B)
        z_BE = F.normalize(self.project_ecg(pooled_BD).float(), dim=-1)
        return {"tokens": tokens_BSD, "mask": mask_BS, "pooled": pooled_BD, "z": z_BE}

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """z [B, E] of texts, unit length; cut at `config.max_tokens`. One forward pass: the caller chooses the batch."""
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
        ecg = self.encode_ecg(ecg_BCT, valid_B)
        if self.config.contrastive:
            out["z_ecg"] = ecg["z"]
            out["z_text"] = self.project(self.text(ids_BL, mask_BL) if text_BH is None else text_BH)
        if self.decoder is not None:
            assert ids_BL is not None
            assert mask_BL is not None
            out["caption_states"], out["caption_targets"] = self.decoder.predictions(
                ids_BL, mask_BL, ecg["tokens"], ecg["mask"]
            )
        return out

    def with_random_signal_encoder(self, seed: int) -> ESI:
        """A copy whose signal encoder and ECG projection are drawn anew: the control beside every evaluated figure."""
        other = copy.deepcopy(self)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            other.encoder = ConvNeXt1d(SIZES[self.config.model.signal_encoder], self.config.leads).to(self.device)
            other.project_ecg = nn.Linear(self.encoder.dim, self.config.model.embedding_dim).to(self.device)
        return other.train(self.training)

    def save_pretrained(self, folder: Path | str) -> None:
        """Write weights, config, tokenizer and the text tower's config: a folder that loads without network."""
        with files.replacing_folder(folder) as temporary:
            self.text.save_config(temporary / TEXT)
            weights = {name: tensor.detach().to("cpu").contiguous() for name, tensor in self.state_dict().items()}
            save_file(weights, temporary / WEIGHTS)
            files.write_json(temporary / CONFIG, self.config.model_dump(mode="json"))

    @classmethod
    def from_pretrained(cls, folder: Path | str) -> ESI:
        """Read what `save_pretrained` wrote, in evaluation mode, on the CPU.

        Raises:
            ExportError: a file or a weight is missing, unexpected or wrongly shaped; nothing is ever left at random.
        """
        folder = Path(folder)
        for name in (CONFIG, WEIGHTS, TEXT):
            if not (folder / name).exists():
                raise ExportError(
                    f"{folder} has no {name}: it is not an exported ESI model; run the pretrain stage to write one"
                )
        try:
            config = Config.model_validate(json.loads((folder / CONFIG).read_text(encoding="utf-8")))
        except (ValidationError, json.JSONDecodeError) as error:
            raise ExportError(f"{folder / CONFIG} is not the config of an ESI model: {error}") from None
        try:
            weights = load_file(folder / WEIGHTS)
        except SafetensorError as error:
            raise ExportError(f"{folder / WEIGHTS} cannot be read as safetensors: {error}") from None
        text = TextTower.from_config(folder / TEXT, config.model.text_layers_trained, config.max_tokens)
        model = cls(config, text)
        expected = model.state_dict()
        problems = [f"missing {name}" for name in sorted(expected.keys() - weights.keys())]
        problems += [f"unexpected {name}" for name in sorted(weights.keys() - expected.keys())]
        problems += [
            f"{name} is {list(weights[name].shape)} where the config asks for {list(expected[name].shape)}"
            for name in sorted(expected.keys() & weights.keys())
            if weights[name].shape != expected[name].shape
        ]
        if problems:
            shown = "; ".join(problems[:5]) + ("; ..." if len(problems) > 5 else "")
            raise ExportError(f"{folder / WEIGHTS} does not fit {folder / CONFIG}: {len(problems)} problems: {shown}")
        model.load_state_dict(weights)
        return model.eval()
