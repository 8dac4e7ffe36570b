"""Training steps against a straightforward implementation, in one run: `python -m benchmarks.reference_step`.

The straightforward one is the published ConvNeXt V2 ported to 1-D ([B, D, L], permutes around the norms) in float32,
with texts padded to the full length, a frozen text tower that reads every text at every step, and a plain cross-entropy over
all logits. It computes the same loss, which tests hold. Variants take turns within each repeat, so that other load on the
machine falls on all of them: judge by the ratios.

Legend: B batch, C leads, T samples, L tokens of a stage or of a text, S ECG tokens, D channels.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.report import report
from benchmarks.train_step import Step, parser
from esi.model.convnext1d import Block, ConvNeXt1d, Downsample
from esi.model.esi import ESI
from esi.pretrain.accumulate import Batch
from esi.train.objective import Objective


class ChannelsFirstNorm(nn.Module):
    """LayerNorm over the channels of [B, D, L]."""

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x_BDL: Tensor) -> Tensor:
        return self.norm(x_BDL.permute(0, 2, 1)).permute(0, 2, 1).contiguous()


class ReferenceBlock(nn.Module):
    """The article's block as published, in one dimension; with a block's weights."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        dim = block.depthwise.in_channels
        self.depthwise = nn.Conv1d(dim, dim, 7, padding=3, groups=dim)
        self.depthwise.weight = nn.Parameter(block.depthwise.weight.detach().squeeze(2))
        self.depthwise.bias = block.depthwise.bias
        self.norm, self.expand, self.reduce = block.norm, block.expand, block.reduce
        self.gamma, self.beta = block.response.gamma, block.response.beta

    def forward(self, x_BDL: Tensor) -> Tensor:
        h_BLD = self.depthwise(x_BDL).permute(0, 2, 1)
        h_BLD = F.gelu(self.expand(self.norm(h_BLD)))
        energy_B1D = torch.norm(h_BLD, p=2, dim=1, keepdim=True)
        share_B1D = energy_B1D / (energy_B1D.mean(dim=-1, keepdim=True) + 1e-6)
        h_BLD = self.gamma * (h_BLD * share_B1D) + self.beta + h_BLD
        return x_BDL + self.reduce(h_BLD).permute(0, 2, 1)


class ReferenceEncoder(nn.Module):
    """[B, C, T] -> tokens [B, S, D] and their mean [B, D], with an encoder's weights. T a multiple of 32, no padding."""

    def __init__(self, encoder: ConvNeXt1d) -> None:
        super().__init__()
        width = encoder.stem.in_features // encoder.leads
        layers: list[nn.Module] = [
            convolution(encoder.stem, width, leads_outside=True),
            ChannelsFirstNorm(encoder.stem_norm),
        ]
        for number, blocks in enumerate(encoder.stages):
            if number:
                down = encoder.downsamples[number - 1]
                assert isinstance(down, Downsample)
                layers += [ChannelsFirstNorm(down.norm), convolution(down.linear, 2, leads_outside=False)]
            layers += [ReferenceBlock(block) for block in blocks]  # type: ignore[attr-defined]
        self.layers = nn.Sequential(*layers)
        self.norm = encoder.norm

    def forward(self, ecg_BCT: Tensor) -> tuple[Tensor, Tensor]:
        tokens_BSD = self.norm(self.layers(ecg_BCT).permute(0, 2, 1))
        return tokens_BSD, tokens_BSD.mean(dim=1)


def convolution(linear: nn.Linear, width: int, leads_outside: bool) -> nn.Conv1d:
    """A convolution of stride = width with the weights of a Linear over the inputs of `width` neighbours.

    Args:
        leads_outside: the Linear's inputs are ordered by lead, then by time (the stem), or by time, then by channel.
    """
    channels = linear.in_features // width
    result = nn.Conv1d(channels, linear.out_features, width, stride=width)
    weight = linear.weight.detach()
    weight = weight.reshape(-1, channels, width) if leads_outside else weight.reshape(-1, width, channels).transpose(1, 2)
    result.weight, result.bias = nn.Parameter(weight.contiguous()), linear.bias
    return result


class ReferenceObjective(Objective):
    """Contrastive + captioning loss of a model, its weights shared, as first written; each text its own positive.

    Args:
        model: with a ConvNeXt encoder and a frozen text tower.
        length: tokens that every text is padded to.
    """

    def __init__(self, model: ESI, length: int) -> None:
        super().__init__()
        assert isinstance(model.encoder, ConvNeXt1d)
        self.encoder = ReferenceEncoder(model.encoder)
        self.rest = [model]  # in a list: its encoder is no part of this module
        self.length = length

    def parameters_learnt(self) -> list[nn.Parameter]:
        model = self.rest[0]
        rest = [part for name, part in model.named_parameters() if part.requires_grad and not name.startswith("encoder.")]
        return list(self.encoder.parameters()) + rest

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        model = self.rest[0]
        decoder = model.decoder
        assert decoder is not None
        missing = self.length - batch["ids_BL"].shape[1]
        ids_BL, mask_BL = F.pad(batch["ids_BL"], (0, missing)), F.pad(batch["mask_BL"], (0, missing))
        tokens_BSD, pooled_BD = self.encoder(batch["ecg_BCT"])
        with torch.no_grad():
            hidden_BLH = model.text.bert(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
        text_BH = (hidden_BLH * mask_BL.unsqueeze(2)).sum(dim=1) / mask_BL.sum(dim=1, keepdim=True)
        z_ecg_BE = F.normalize(model.project_ecg(pooled_BD), dim=-1)
        z_text_BE = F.normalize(model.project_text(text_BH), dim=-1)
        logits_BB = model.logit_scale * z_ecg_BE @ z_text_BE.T
        own_B = torch.arange(len(logits_BB))
        loss_con = (F.cross_entropy(logits_BB, own_B) + F.cross_entropy(logits_BB.T, own_B)) / 2
        states_BLE = decoder(ids_BL[:, :-1], tokens_BSD, torch.ones(tokens_BSD.shape[:2], dtype=torch.bool))
        target_BL = ids_BL[:, 1:].masked_fill(~mask_BL[:, 1:], -100)
        loss_cap = F.cross_entropy(decoder.logits(states_BLE).flatten(0, 1), target_BL.flatten())
        return {"loss": loss_con + loss_cap, "loss_con": loss_con, "loss_cap": loss_cap}


def reference_of(step: Step, length: int) -> Step:
    """The same training step with the straightforward objective in it."""
    step.objective = ReferenceObjective(step.model, length)  # type: ignore[assignment]
    step.optimizer = torch.optim.AdamW(step.objective.parameters_learnt(), lr=step.train.lr)  # type: ignore[operator]
    return step


def forget_known_texts(step: Step) -> Step:
    """The same training step, but for a frozen tower that reads its texts at every step."""
    step.tensors.known = None
    return step


def main() -> None:
    base = parser()
    base.set_defaults(text_tower="packaged", text_layers_trained=0, fewest_text_tokens=24, pairs=64, steps=5)
    arguments = base.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as name:
        os.environ["DVC_ROOT"] = name

        def step(variant: str, **changes: object) -> Step:
            folder = Path(name) / variant.replace(" ", "_")
            folder.mkdir()
            return Step(argparse.Namespace(**vars(arguments) | changes), folder)

        variants = {
            "reference": reference_of(step("reference", precision="fp32"), arguments.text_tokens),
            "fp32, texts read each step": forget_known_texts(step("fp32 texts", precision="fp32")),
            "fp32": step("fp32", precision="fp32"),
            "bf16": step("bf16", precision="bf16"),
            "bf16, a third of the caption positions": step("share", precision="bf16", caption_tokens=arguments.batch * 24),
        }
        batches = {variant: list(step.made(arguments.steps + 1)) for variant, step in variants.items()}
        seconds: dict[str, list[float]] = {variant: [] for variant in variants}
        for repeat in range(arguments.steps + 1):
            for variant, one in variants.items():
                start = time.perf_counter()
                one(batches[variant][repeat])
                if repeat:
                    seconds[variant].append(time.perf_counter() - start)
    ratios = {
        variant: round(median(a / b for a, b in zip(seconds["reference"], times, strict=True)), 3)
        for variant, times in seconds.items()
    }
    rates = {variant: round(arguments.batch / median(times), 2) for variant, times in seconds.items()}
    report(
        f"reference_step_{arguments.size}_{arguments.samples}",
        f"{ratios['bf16']} times the straightforward implementation ({rates['bf16']} against "
        f"{rates['reference']} samples/s), "
        f"{ratios['fp32']} times in float32",
        {
            "setting": vars(arguments),
            "threads": torch.get_num_threads(),
            "samples_a_second": rates,
            "times_the_reference": ratios,
        },
    )


if __name__ == "__main__":
    main()
