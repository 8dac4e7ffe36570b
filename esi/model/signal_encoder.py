"""What every signal encoder is and answers (`esi.model.encoders` has them by name).

Legend: B batch, C leads, T samples, S tokens, D channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class SignalEncoder(nn.Module, ABC):
    """ECGs [B, C, T] in millivolts -> tokens [B, S, D], their mask [B, S] and a pooled vector [B, D]; S = ceil(T / stride).

    Any length of one sample and more is taken. A record's outputs depend neither on padding nor on the other records of its
    batch, and no weight changes by a forward pass. A lead that is missing is zeros (`esi.model.lead_subsets`).
    """

    leads: int  # C
    dim: int  # D
    stride: int  # samples a token

    @abstractmethod
    def forward(self, ecg_BCT: Tensor, valid_B: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Encode ECGs.

        Args:
            ecg_BCT: millivolts, float.
            valid_B: how many samples of each record are real, counted from the start; all of them when None.

        Returns:
            tokens [B, S, D] (0 where padded), mask [B, S] (True where real), pooled [B, D] (float32).

        Raises:
            ValueError: the number of leads, or a valid length, does not fit.
        """

    @abstractmethod
    def layers(self) -> list[list[nn.Module]]:
        """The modules from the signal on, each parameter in one of them: the stem, then block by block, each with what
        stands between it and the block before; the last with what follows it. Fine-tuning learns less towards the signal.
        """

    @abstractmethod
    def flops(self, samples: int) -> tuple[int, int]:
        """Operations of a forward pass of one ECG without padding: of the first layer, whose input needs no gradient, and
        of all layers. Matrix products and convolutions alone, 2 for each multiply-add.
        """
