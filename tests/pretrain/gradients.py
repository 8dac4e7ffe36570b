"""Losses and gradients of one step by any number of processes: `python tests/pretrain/gradients.py FOLDER how ...`.

`how` is LOSS-CAPTIONS-LAYERS-PARTS, for example `siglip-1-0-3`: contrastive loss, with captions or without, layers of the
text tower that learn, parts of each process's share. Writes FOLDER/<processes>-<how>.pt.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from esi.pretrain.accumulate import Batch
from esi.pretrain.objective import EsiObjective
from esi.settings.learning import Train
from tests.model.mini import mini_esi
from tests.pretrain.tiny_run import TRAIN

TEXTS = [
    "sinus rhythm",
    "atrial fibrillation of a man",
    "left bundle branch block",
    "sinus rhythm",
    "a",
    "old man",
    "right bundle branch block of an old woman",
    "sinus rhythm and old infarction",
    "inferior infarction",
    "woman",
    "atrial fibrillation",
    "anterior infarction",
]
FINDINGS = [[0, -1], [1, -1], [2, -1], [0, -1], [3, -1], [4, -1], [5, -1], [0, 6], [7, -1], [8, -1], [1, -1], [9, -1]]


def batch_of(tokenize: object, rows: slice) -> Batch:
    """Some of twelve pairs; the texts of each batch are padded to the longest of its own."""
    noise = torch.Generator().manual_seed(0)
    ids, mask = tokenize(TEXTS[rows])  # type: ignore[operator]
    whole = {
        "ecg_BCT": torch.randn(12, 12, 128, generator=noise),
        "valid_B": torch.tensor([128, 100, 128, 90, 128, 128, 128, 77, 128, 128, 100, 128]),
        "number_B": torch.arange(12) + 40,
        "findings_BK": torch.tensor(FINDINGS, dtype=torch.int32),
    }
    return {name: part[rows] for name, part in whole.items()} | {"ids_BL": ids, "mask_BL": mask}


def gradients(folder: Path, how: str, training: bool = False) -> dict[str, dict[str, Tensor]]:
    """The losses of the joint batch and the gradients of every parameter, by name.

    Args:
        training: with dropout.
    """
    loss, captions, layers, count = how.split("-")
    model = mini_esi(
        folder, captions=captions == "1", text_layers_trained=int(layers), contrastive_loss=loss, decoder_layers=1
    )
    train = Train.model_validate(TRAIN | {"lambda_con": 1.3, "lambda_cap": 0.7 * int(captions), "caption_tokens": 0})
    accelerator, objective = Accelerator(), EsiObjective(model, train, bf16=False)
    wrapped = accelerator.prepare(objective).train(training)
    world, rank, parts = accelerator.num_processes, accelerator.process_index, int(count)
    size = 12 // (world * parts)
    starts = [(rank * parts + part) * size for part in range(parts)]
    batches = [batch_of(model.text.tokenize, slice(start, start + size)) for start in starts]
    out = objective.backward(wrapped, batches, [100 + start for start in starts], accelerator)
    names = [name for name in ("loss", "loss_con", "loss_cap", "retrieval_top1") if name in out]
    means = accelerator.reduce(torch.stack([out[name] for name in names]), "mean")
    found = {name: part.grad for name, part in model.named_parameters() if part.grad is not None}
    return {"losses": dict(zip(names, means, strict=True)), "gradients": found}


def main() -> None:
    folder = Path(sys.argv[1])
    for how in sys.argv[2:]:
        result = gradients(folder / "bert", how)
        if Accelerator().is_main_process:
            torch.save(result, folder / f"{Accelerator().num_processes}-{how}.pt")
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
