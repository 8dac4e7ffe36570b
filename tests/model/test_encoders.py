"""What every signal encoder promises, whatever is inside it: a new one of `ENCODERS` is tested here without a line more.

Large ones stand for themselves by a small one of their class; a class without one is tested as it is registered.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from esi.ecg.leads import LEADS
from esi.model.config import EncoderConfig
from esi.model.convnext1d import ConvNeXt1d
from esi.model.convnext1d import Size as ConvNeXtSize
from esi.model.encoders import ENCODERS, build_encoder
from esi.model.lead_subsets import place_leads
from esi.model.load import load
from esi.model.signal_encoder import SignalEncoder
from esi.model.signal_model import SignalModel
from esi.model.vit1d import Size as ViTSize
from esi.model.vit1d import ViT1d
from esi.model.xresnet1d import XResNet1d
from esi.settings.data import Signal
from esi.settings.registry import keys
from tests.model.counted import counted
from tests.model.mini import mini_settings

SMALL: dict[type, Callable[..., SignalEncoder]] = {
    ConvNeXt1d: lambda **more: ConvNeXt1d(ConvNeXtSize((1, 1, 2, 1), (8, 16, 24, 32)), **more),
    ViT1d: lambda **more: ViT1d(ViTSize(width=32, depth=2, heads=4, patch=16), **more),
    XResNet1d: lambda **more: XResNet1d(depths=(1, 1, 2, 1), **more),
}


def on_meta(name: str) -> SignalEncoder:
    """One as it is registered, without its memory."""
    with torch.device("meta"):
        return build_encoder(name, leads=12)


CLASSES = {name: type(on_meta(name)) for name in ENCODERS}
KINDS = {(SMALL.get(kind) and kind.__name__) or name: SMALL.get(kind, ENCODERS[name]) for name, kind in CLASSES.items()}
every_encoder = pytest.mark.parametrize("kind", KINDS)
every_name = pytest.mark.parametrize("name", ENCODERS)


def perturbed(kind: str, **more: bool) -> SignalEncoder:
    """A small encoder in which nothing is switched off, as GRN and the last norms of XResNet's blocks are at the start."""
    torch.manual_seed(0)
    encoder = KINDS[kind](**more)
    for parameter in encoder.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return encoder


def test_the_setting_takes_the_names_that_there_are(tmp_path: Path) -> None:
    assert keys("esi.model.encoders", "ENCODERS") == tuple(ENCODERS)
    for name in ENCODERS:
        assert mini_settings(tmp_path, signal_encoder=name).signal_encoder == name
    with pytest.raises(ValidationError, match=rf"Input should be '{next(iter(ENCODERS))}', .*input_value='huge'"):
        mini_settings(tmp_path, signal_encoder="huge")


@pytest.mark.parametrize(
    ("name", "millions", "dim", "stride"),
    [
        ("tiny", 26.81, 768, 32),
        ("base", 85.56, 1024, 32),
        ("vit", 85.20, 768, 16),
        ("xresnet101", 1.80, 256, 32),
        ("nano", 1.77, 256, 32),
    ],
)
def test_sizes(name: str, millions: float, dim: int, stride: int) -> None:
    """Table 5b; but for ViT-1D, whose 84.92 M no ViT-B can have (see vit1d.py), and nano, which the paper does not know."""
    encoder = on_meta(name)
    assert round(sum(part.numel() for part in encoder.parameters()) / 1e6, 2) == millions
    assert (encoder.dim, encoder.leads, encoder.stride) == (dim, 12, stride)


def test_unknown_names_are_an_error() -> None:
    with pytest.raises(ValueError, match=f"no signal encoder 'resnet'.*{', '.join(ENCODERS)}"):
        build_encoder("resnet", leads=12)


@every_name
def test_each_parameter_is_in_one_layer(name: str) -> None:
    encoder = on_meta(name)
    parts = [id(part) for modules in encoder.layers() for module in modules for part in module.parameters()]
    assert len(parts) == len(set(parts))
    assert set(parts) == {id(part) for part in encoder.parameters()}
    assert len(encoder.layers()) >= 2


@every_name
@pytest.mark.parametrize("samples", [320, 333, 1000])
def test_operations_are_those_that_pytorch_counts(name: str, samples: int) -> None:
    encoder = on_meta(name)
    ecg = torch.empty(1, 12, samples, device="meta")
    first, total = encoder.flops(samples)
    with torch.no_grad():
        assert counted(lambda: encoder(ecg)) == total
    assert counted(lambda: encoder(ecg)[2].sum().backward()) == 3 * total - first


@every_name
def test_an_export_comes_back_the_same(name: str, tmp_path: Path) -> None:
    config = EncoderConfig(signal=Signal(rate=100, highpass_hz=0.5), signal_encoder=name, leads=LEADS)
    torch.manual_seed(0)
    model = SignalModel(config).eval()
    model.save_pretrained(tmp_path / "model")
    again, ecg = load(tmp_path / "model"), torch.randn(2, 12, 300)
    assert type(again.encoder) is CLASSES[name]
    with torch.no_grad():
        assert torch.equal(again.encode_ecg(ecg)["pooled"], model.encode_ecg(ecg)["pooled"])


@every_encoder
def test_a_training_that_goes_on_from_its_checkpoint_gives_the_same_bytes(kind: str) -> None:
    def step(encoder: SignalEncoder, optimiser: torch.optim.AdamW, number: int) -> None:
        ecg = torch.randn(2, 12, 200, generator=torch.Generator().manual_seed(number))
        optimiser.zero_grad()
        encoder(ecg, torch.tensor([200, 150]))[2].square().sum().backward()
        optimiser.step()

    encoder, state = perturbed(kind).train(), io.BytesIO()
    optimiser = torch.optim.AdamW(encoder.parameters())
    step(encoder, optimiser, 1)
    torch.save([encoder.state_dict(), optimiser.state_dict()], state)
    step(encoder, optimiser, 2)
    other = KINDS[kind]().train()
    again = torch.optim.AdamW(other.parameters())
    state.seek(0)
    weights, moments = torch.load(state)
    other.load_state_dict(weights)
    again.load_state_dict(moments)
    step(other, again, 2)
    for key, value in encoder.state_dict().items():
        assert value.numpy().tobytes() == other.state_dict()[key].numpy().tobytes(), key


@every_encoder
@pytest.mark.parametrize("names", [("I",), ("I", "II"), ("I", "II", "V1", "V5"), LEADS])
def test_any_leads_give_a_finite_vector_of_their_own(kind: str, names: tuple[str, ...]) -> None:
    encoder = perturbed(kind).eval()
    ecg = torch.randn(2, 12, 200)
    given_, _ = place_leads(ecg[:, [LEADS.index(name) for name in names]], names, LEADS)
    with torch.no_grad():
        pooled, nothing = encoder(given_)[2], encoder(torch.zeros_like(ecg))[2]
    assert pooled.isfinite().all()
    assert not torch.allclose(pooled, nothing)


@every_encoder
@settings(max_examples=8, deadline=None)
@given(valid=st.integers(1, 300), padding=st.integers(1, 200), other=st.integers(1, 500), training=st.booleans())
def test_padding_does_not_change_a_record(kind: str, valid: int, padding: int, other: int, training: bool) -> None:
    """Alone, padded, or beside a record of another length: the same tokens and pooled vector, for any valid length."""
    encoder = perturbed(kind).train(training)
    ecg = torch.randn(1, 12, valid, generator=torch.Generator().manual_seed(valid))
    length = max(valid + padding, other)
    batch = 100 * torch.randn(2, 12, length)  # what stands in the padding must not matter
    batch[:1, :, :valid] = ecg
    with torch.no_grad():
        tokens, mask, pooled = encoder(ecg)
        tokens2, mask2, pooled2 = encoder(batch, torch.tensor([valid, other]))
    count = tokens.shape[1]
    assert count == -(-valid // encoder.stride)
    assert mask.all()
    assert mask2.sum(dim=1).tolist() == [count, -(-other // encoder.stride)]
    torch.testing.assert_close(tokens2[:1, :count], tokens, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(pooled2[:1], pooled, atol=1e-4, rtol=1e-3)
    assert (tokens2[0, count:] == 0).all()


@every_encoder
@pytest.mark.parametrize("samples", [1, 31, 1000, 5000])
def test_any_length(kind: str, samples: int) -> None:
    encoder = perturbed(kind)
    with torch.no_grad():
        tokens, mask, pooled = encoder(torch.randn(2, 12, samples))
    assert tokens.shape == (2, -(-samples // encoder.stride), encoder.dim)
    assert mask.shape == tokens.shape[:2]
    assert mask.dtype == torch.bool
    torch.testing.assert_close(pooled, tokens.mean(1))


@every_encoder
def test_wrong_shapes_are_named(kind: str) -> None:
    encoder = perturbed(kind)
    with pytest.raises(ValueError, match="12 leads, the batch has 8"):
        encoder(torch.randn(1, 8, 100))
    for wrong in (0, 101):
        with pytest.raises(ValueError, match=r"1\.\.100 samples, the batch has (0\.\.100|100\.\.101)"):
            encoder(torch.randn(2, 12, 100), torch.tensor([wrong, 100]))


@every_encoder
def test_fewer_leads_can_be_built(kind: str) -> None:
    assert KINDS[kind](leads=2)(torch.randn(1, 2, 64))[2].shape == (1, KINDS[kind]().dim)


@every_encoder
@pytest.mark.parametrize("valid", [None, [100, 70]])
def test_every_parameter_gets_a_gradient(kind: str, valid: list[int] | None) -> None:
    encoder = perturbed(kind)
    tokens, _, pooled = encoder(torch.randn(2, 12, 100), valid and torch.tensor(valid))
    (tokens.square().sum() + pooled.exp().sum()).backward()
    assert [name for name, part in encoder.named_parameters() if part.grad is None or not part.grad.any()] == []


@every_encoder
def test_recomputed_activations_give_the_same_gradients(kind: str) -> None:
    grads = []
    for recompute in (False, True):
        encoder = perturbed(kind, checkpoint_activations=recompute)
        saved = 0

        def count(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal saved
            saved += tensor.numel()
            return tensor

        torch.manual_seed(1)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            encoder(torch.randn(2, 12, 640), torch.tensor([640, 320]))[2].square().sum().backward()
        grads.append((saved, [part.grad for part in encoder.parameters()]))
    torch.testing.assert_close(grads[0][1], grads[1][1])
    assert grads[1][0] < grads[0][0]


@every_encoder
def test_bfloat16_is_near_float32(kind: str) -> None:
    encoder = perturbed(kind)
    ecg, valid = torch.randn(2, 12, 320), torch.tensor([320, 200])
    for lengths in (None, valid):
        exact = encoder(ecg, lengths)[2]
        with torch.autocast("cpu", torch.bfloat16):
            tokens, _, rough = encoder(ecg, lengths)
        assert rough.dtype == torch.float32
        assert torch.nn.functional.cosine_similarity(rough, exact).min() > 0.999
        (tokens.float().square().sum() + rough.sum()).backward()
    assert all(torch.isfinite(part.grad).all() for part in encoder.parameters())


@every_encoder
def test_the_same_seed_gives_the_same_bits(kind: str) -> None:
    def gradients() -> list[bytes]:
        encoder = perturbed(kind)
        encoder(torch.randn(2, 12, 200), torch.tensor([200, 150]))[2].square().sum().backward()
        return [part.grad.numpy().tobytes() for part in encoder.parameters()]

    assert gradients() == gradients()


@every_encoder
def test_amplitude_matters(kind: str) -> None:
    """A norm straight after a convolution without bias would divide the millivolts away, and with them hypertrophy."""
    torch.manual_seed(0)
    encoder = KINDS[kind]()
    ecg = (0.2 * torch.randn(1, 12, 320)).requires_grad_()
    encoder(ecg)[2].pow(2).sum().backward()
    assert (ecg.grad.abs().sum(dim=(0, 2)) > 0).all()
    with torch.no_grad():
        one, two = encoder(ecg)[2], encoder(2 * ecg)[2]
    assert (one - two).norm() / one.norm() > 0.02


@every_encoder
def test_learns_a_toy_problem(kind: str) -> None:
    """From a fresh start: tall waves from low ones, at random phase, rate and length."""
    torch.manual_seed(0)
    encoder = KINDS[kind]()
    head = torch.nn.Linear(encoder.dim, 1)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=2e-3)
    seconds = torch.arange(256) / 100
    losses = []
    for _ in range(30):
        tall_B = torch.randint(2, (16,))
        phase_B1, rate_B1 = 6.28 * torch.rand(16, 1), 1 + 2 * torch.rand(16, 1)
        wave_BT = (0.2 + 0.3 * tall_B[:, None]) * torch.sin(6.28 * rate_B1 * seconds + phase_B1)
        ecg_BCT = wave_BT[:, None] + 0.05 * torch.randn(16, 12, 256)
        logit_B = head(encoder(ecg_BCT, torch.randint(160, 257, (16,)))[2]).squeeze(1)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit_B, tall_B.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < 0.6 * sum(losses[:5]) / 5, losses
