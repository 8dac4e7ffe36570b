"""A signal encoder with a linear head, and the examples that it learns from.

Legend: N records, B batch, K classes, C leads, T samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from esi.model.encoders import build_encoder
from esi.model.signal_encoder import SignalEncoder


@dataclass(frozen=True)
class Examples:
    """Records to learn from.

    Attributes:
        batch: row numbers [B] -> float32 millivolts [B, C, T] and valid samples [B]; a pure function.
        targets: what the loss compares logits with, one row a record: float [N, K], or long [N].
    """

    batch: Callable[[Tensor], tuple[Tensor, Tensor]]
    targets: Tensor

    @property
    def n(self) -> int:
        return len(self.targets)


class Classifier(nn.Module):
    """ECGs -> logits [B, K], by one linear layer on the encoder's pooled vector.

    Args:
        encoder: becomes part of the classifier, and learns with it: give it a copy.
        classes: K.
        seed: of the head's weights.
    """

    def __init__(self, encoder: SignalEncoder, classes: int, seed: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.dim, classes)
        nn.init.trunc_normal_(self.head.weight, std=0.02, generator=torch.Generator().manual_seed(seed))
        nn.init.zeros_(self.head.bias)

    def forward(self, ecg_BCT: Tensor, valid_B: Tensor | None = None) -> Tensor:
        """Logits [B, K], always float32: in bfloat16 many records would tie."""
        _, _, pooled_BD = self.encoder(ecg_BCT.to(self.head.weight.device), valid_B)
        with torch.autocast(pooled_BD.device.type, enabled=False):
            return self.head(pooled_BD.float())


def fresh_encoder(name: str, leads: int, seed: int) -> SignalEncoder:
    """A signal encoder with random weights by `seed`: what a control without pretraining starts from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_encoder(name, leads)


@torch.inference_mode()
def predict(classifier: Classifier, batch: Callable[[Tensor], tuple[Tensor, Tensor]], n: int, batch_size: int) -> Tensor:
    """Logits float32 [N, K] on the CPU of rows 0..n-1, without a graph and without autocast. Leaves evaluation mode set."""
    classifier.eval()
    return torch.cat([classifier(*batch(rows)).cpu() for rows in torch.arange(n).split(batch_size)])
