"""A run's weights, their average and the optimiser's state, whole, also where they are spread over processes.

By names, not by places: a run goes on with another number of processes, or sharded where it was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_state_dict,
    set_model_state_dict,
    set_state_dict,
)
from torch.distributed.tensor import DTensor, distribute_tensor

from esi.train.average import WeightAverage

Module = TypeVar("Module", bound=nn.Module)

WHOLE = StateDictOptions(full_state_dict=True)
# Frozen weights are not kept: the run's identity vouches for them.
LEARNT = StateDictOptions(full_state_dict=True, ignore_frozen_params=True, strict=False)


def gather(wrapped: nn.Module, optimizer: torch.optim.Optimizer, average: WeightAverage | None) -> dict[str, Any]:
    """What a checkpoint keeps. All processes must call it; all get the whole."""
    weights, moments = get_state_dict(wrapped, optimizer, options=LEARNT)
    state = {"weights": weights, "moments": moments}
    if average is not None:
        kept = average.state_dict()
        state["average"] = kept | {"average": {name: whole(part) for name, part in kept["average"].items()}}
    return state


def restore(
    state: Mapping[str, Any], wrapped: nn.Module, optimizer: torch.optim.Optimizer, average: WeightAverage | None
) -> None:
    """Go on from what `gather` gave."""
    set_state_dict(wrapped, optimizer, model_state_dict=state["weights"], optim_state_dict=state["moments"], options=LEARNT)
    if average is not None:
        kept = state["average"]
        shards = {name: _like(kept["average"][name], part) for name, part in average.average.items()}
        average.load_state_dict(kept | {"average": shards})


def weights(wrapped: nn.Module) -> dict[str, Tensor]:
    """Copies of the learnt weights and the buffers, on the CPU. All processes must call it; all get the whole."""
    learnt: Mapping[str, Any] = get_model_state_dict(wrapped, options=LEARNT)
    return {name: part.detach().cpu().clone() for name, part in learnt.items()}


def set_weights(wrapped: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give a module what `weights` gave."""
    set_model_state_dict(wrapped, dict[str, Any](weights), options=LEARNT)


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor, of which this process may have a shard. All processes must call it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@contextmanager
def averaged(model: nn.Module, average: WeightAverage | None) -> Iterator[None]:
    """The model with its averaged weights for a while; as it is where there is no average."""
    if average is None:
        yield
        return
    own = [(part, part.detach().clone()) for part in (*model.parameters(), *model.buffers())]
    average.copy_to(model)
    try:
        yield
    finally:
        with torch.no_grad():
            for part, kept in own:
                part.copy_(kept)


def unwrapped(wrapped: nn.Module, model: Module, fresh: Callable[[], Module]) -> Module:
    """The model of an objective with all of its weights here: itself, or built anew where they are spread over processes.

    Args:
        wrapped: the objective as Accelerate prepared it. model: its `model`. fresh: builds such a model.
    """
    if not any(isinstance(part, DTensor) for part in model.parameters()):
        return model
    prefix, built = "model.", fresh()
    everything: Mapping[str, Any] = get_model_state_dict(wrapped, options=WHOLE)
    mine = {name.removeprefix(prefix): part.cpu() for name, part in everything.items() if name.startswith(prefix)}
    built.load_state_dict(mine)
    return built.eval()


def _like(tensor: Tensor, part: Tensor) -> Tensor:
    if isinstance(part, DTensor):
        return distribute_tensor(tensor.to(part.device), part.device_mesh, part.placements)
    return tensor
