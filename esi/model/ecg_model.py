"""What every exported model of ECGs is: an encoder by its config, an export that loads without network, a manifest.

Legend: B batch, C the model's leads, K leads of an ECG, T samples, S ECG tokens, D channels of the encoder.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn

from esi import files
from esi.errors import EsiError
from esi.model import export
from esi.model.config import Ability, EcgConfig
from esi.model.encoders import build_encoder
from esi.model.lead_subsets import place_leads
from esi.model.signal_encoder import SignalEncoder


class InputError(EsiError):
    """An ECG is not what the model was trained on."""


class EcgModel(nn.Module, PyTorchModelHubMixin):
    """Base of the models that are pretrained here (`esi.model.load.ARCHITECTURES`).

    Args:
        config: settings.
        checkpoint_activations: compute the signal encoder's blocks again in the backward pass; the figures stay the same.

    Attributes:
        trained_on: keys of the subjects and signals that it was trained on (`esi.model.manifest`); None: not known.
    """

    config: EcgConfig
    encoder: SignalEncoder
    trained_on: pa.Table | None = None

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can do, by its config."""
        return self.config.abilities

    @property
    def device(self) -> torch.device:
        return next(self.encoder.parameters()).device

    def encode_ecg(
        self,
        ecg_BKT: Tensor,
        valid_B: Tensor | None = None,
        *,
        leads: Sequence[str] | None = None,
        rate: float | None = None,
    ) -> dict[str, Tensor]:
        """Encode ECGs.

        Args:
            ecg_BKT: millivolts, float32, at `config.signal.rate`.
            valid_B: real samples of each record; all of them when None.
            leads: names of the K leads, any of `config.leads` in any order; when None they are those, all and in order.
            rate: of the ECGs in Hz, to be sure.

        Returns:
            tokens [B, S, D], mask [B, S] (True where real), pooled [B, D] (the features for probes).

        Raises:
            EsiError: the rate or the leads are not the model's.
        """
        config = self.config
        if rate is not None and rate != config.signal.rate:
            raise InputError(
                f"the ECGs are at {rate:g} Hz, the model was trained at {config.signal.rate} Hz: "
                "resample them first, for example with scipy.signal.resample_poly"
            )
        if leads is not None:
            ecg_BKT, _ = place_leads(ecg_BKT, leads, config.leads)
        elif ecg_BKT.shape[1] != len(config.leads):
            raise InputError(
                f"the batch has {ecg_BKT.shape[1]} leads, the model reads {len(config.leads)} ({', '.join(config.leads)}): "
                "say which they are with leads=[...]"
            )
        tokens_BSD, mask_BS, pooled_BD = self.encoder(ecg_BKT.to(self.device), valid_B)
        return {"tokens": tokens_BSD, "mask": mask_BS, "pooled": pooled_BD}

    def with_random_signal_encoder(self, seed: int) -> Self:
        """A copy whose signal encoder, and what reads its pooled vector, is drawn anew: the control beside every figure."""
        other = copy.deepcopy(self)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            other._draw_signal_encoder()
        return other.to(self.device).train(self.training)

    def _draw_signal_encoder(self) -> None:
        self.encoder = build_encoder(self.config.encoder, len(self.config.leads))

    def save_pretrained(
        self, save_directory: Path | str, *, push_to_hub: bool = False, repo_id: str | None = None, **hub: Any
    ) -> str | None:
        """Write weights, config and model card, and what else it needs: a folder that loads without network, whole or not at
        all.

        Args:
            save_directory: is replaced if it is an export, or empty.
            push_to_hub: also upload to `repo_id` (by default, the folder's name); hub: see `push_to_hub`.

        Raises:
            ExportError: the folder holds something else.
        """
        folder = Path(save_directory)
        export.check_target(folder)
        with files.replacing_folder(folder) as temporary:
            self._save_pretrained(temporary)
        return self.push_to_hub(repo_id or folder.name, **hub) if push_to_hub else None

    def _save_pretrained(self, save_directory: Path) -> None:
        export.write(save_directory, self.config, self.state_dict(), self.trained_on)

    def push_to_hub(self, repo_id: str, **hub: Any) -> str:
        """Upload an export to the Hugging Face Hub, without `trained_on`: a hashed subject id can be found by guessing ids.

        Args:
            repo_id: such as "user/esi". hub: private, token, branch and the like, as `huggingface_hub` has them.

        Returns:
            The address of the commit.
        """
        published = copy.copy(self)  # shares the weights
        published.trained_on = None
        return str(PyTorchModelHubMixin.push_to_hub(published, repo_id, **hub))

    @classmethod
    def from_pretrained(  # type: ignore[override]  # the mixin's also takes settings of the model: these stay as exported
        cls,
        pretrained_model_name_or_path: Path | str,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: Path | str | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
    ) -> Self:
        """Read what `save_pretrained` wrote, in evaluation mode, on the CPU.

        Args:
            pretrained_model_name_or_path: a folder, or the id of a Hub repository, which the others are for: see
                `huggingface_hub.snapshot_download`.

        Raises:
            EsiError: a file or a weight is missing, unexpected, wrongly shaped or not finite, or what else it needs is not
                usable, or the export is of another class; nothing is ever left at random.
        """
        folder = export.located(
            pretrained_model_name_or_path,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
        )
        config = export.read_config(folder)
        with torch.device("meta"):  # sizes first, which are compared before any memory is taken
            export.check_weights(folder, cls._of_export(folder, config).state_dict())
        model = cls._of_export(folder, config)
        model.load_state_dict(export.read_weights(folder))
        model.trained_on = export.read_manifest(folder)
        return model.eval()

    @classmethod
    def _of_export(cls, folder: Path, config: EcgConfig) -> Self:
        """The model that an export's config names, with whatever weights."""
        raise NotImplementedError
