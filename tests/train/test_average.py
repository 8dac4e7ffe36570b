"""The exponential moving average of the weights."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from esi.train.average import WeightAverage


def small() -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    model[2].requires_grad_(False)
    return model


def move(model: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in model.parameters():
            part += torch.randn(part.shape, generator=generator, dtype=part.dtype)


def test_the_average_of_one_weight_by_hand() -> None:
    """Kept share 0.1, 2/11, 3/12, ... until the decay is reached."""
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(1.0)
    average, expected = WeightAverage(model, 0.3), 1.0
    for value, kept in ((2.0, 0.1), (5.0, 2 / 11), (-1.0, 0.25), (4.0, 0.3), (4.0, 0.3)):
        model.weight.data.fill_(value)
        average.update()
        expected = kept * expected + (1 - kept) * value
        assert average.average["weight"].item() == pytest.approx(expected, rel=1e-6)


def test_what_does_not_change_keeps_its_bits() -> None:
    model = small()
    average = WeightAverage(model, 0.99)
    before = {name: part.clone() for name, part in average.average.items()}
    for _ in range(20):
        average.update()
    for name, part in average.average.items():
        assert torch.equal(part, before[name]), name


def test_frozen_weights_are_not_kept_twice() -> None:
    assert set(WeightAverage(small(), 0.9).average) == {"0.weight", "0.bias", "1.weight", "1.bias"}


def test_the_average_is_in_float32_whatever_the_weights_are_in() -> None:
    """In bfloat16 steps of one part in a thousand would be lost."""
    model = nn.Linear(1, 1, bias=False, dtype=torch.bfloat16)
    model.weight.data.fill_(1.0)
    average = WeightAverage(model, 0.999)
    average.updates = 10**6
    model.weight.data.fill_(2.0)
    average.update()
    assert average.average["weight"].dtype == torch.float32
    assert average.average["weight"].item() == pytest.approx(1.001, abs=1e-6)


def test_copy_to_sets_the_averaged_weights_and_only_those() -> None:
    model, other = small(), small()
    average = WeightAverage(model, 0.5)
    move(model, 1)
    average.update()
    frozen = other[2].weight.clone()
    live = model[0].weight.clone()
    average.copy_to(other)
    torch.testing.assert_close(other[0].weight, average.average["0.weight"])
    assert torch.equal(other[2].weight, frozen)
    assert torch.equal(model[0].weight, live), "the model in training is not touched"
    average.copy_to(model)
    assert torch.equal(model[0].weight, other[0].weight)
    assert not torch.equal(model[0].weight, live)
    assert model[0].weight.requires_grad


def test_saved_and_loaded_it_goes_on_to_the_same_bits() -> None:
    unbroken, broken = small(), small()
    one, two = WeightAverage(unbroken, 0.9), WeightAverage(broken, 0.9)
    for step in range(6):
        if step == 3:
            file = io.BytesIO()
            torch.save(two.state_dict(), file)
            file.seek(0)
            two = WeightAverage(broken, 0.9)
            two.load_state_dict(torch.load(file, weights_only=True))
        for model, average in ((unbroken, one), (broken, two)):
            move(model, step)
            average.update()
    assert one.updates == two.updates == 6
    for name, part in one.average.items():
        assert torch.equal(part, two.average[name]), name


def test_a_state_of_another_model_is_refused() -> None:
    average = WeightAverage(small(), 0.9)
    with pytest.raises(KeyError, match="of another model"):
        average.load_state_dict(WeightAverage(nn.Linear(3, 4), 0.9).state_dict())


@pytest.fixture
def one_process() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_shards_of_fsdp_average_as_whole_weights_do(one_process: None) -> None:
    whole, sharded = small(), small()
    fully_shard(sharded, mesh=init_device_mesh("cpu", (1,)))
    one, two = WeightAverage(whole, 0.9), WeightAverage(sharded, 0.9)
    assert isinstance(two.average["0.weight"], DTensor)
    for step in range(3):
        move(whole, step)
        with torch.no_grad():
            for part, value in zip(sharded.parameters(), whole.parameters(), strict=True):
                part.to_local().copy_(value)  # type: ignore[attr-defined]
        one.update()
        two.update()
    restored = WeightAverage(sharded, 0.9)
    restored.load_state_dict(two.state_dict())
    restored.copy_to(sharded)
    for name, part in sharded.named_parameters():
        if part.requires_grad:
            assert torch.equal(part.full_tensor(), one.average[name]), name  # type: ignore[attr-defined]
