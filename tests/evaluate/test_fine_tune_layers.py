from __future__ import annotations

import pytest
import torch
from torch import nn

from esi.evaluate.fine_tune.classifier import Classifier
from esi.evaluate.fine_tune.layers import MOST_LAYERS, layers, parameter_groups
from esi.model.encoders import ENCODERS, build_encoder

FIRST = {
    "nano": "stem.weight",
    "tiny": "stem.weight",
    "base": "stem.weight",
    "vit": "embed.weight",
    "xresnet101": "stem.0.weight",
}
# Blocks by name, and the layer each belongs to: 1 is the first behind the stem.
PLACES = {
    "nano": (10, {"stages.0.0": 1, "stages.0.1": 2, "downsamples.0": 3, "stages.1.0": 3, "stages.2.3": 8, "stages.3.1": 10}),
    "tiny": (
        12,
        {"stages.0.0": 1, "stages.0.1": 1, "stages.0.2": 2, "downsamples.2": 11, "stages.3.0": 11, "stages.3.2": 12},
    ),
    "base": (12, {"stages.0.0": 1, "stages.0.2": 1, "stages.1.0": 2, "stages.2.0": 3, "stages.2.26": 11, "stages.3.0": 12}),
    "vit": (12, {"blocks.0": 1, "blocks.5": 6, "blocks.11": 12}),
    "xresnet101": (12, {"blocks.0": 1, "blocks.2": 1, "blocks.3": 2, "blocks.32": 12}),
}


def meta_classifier(name: str) -> Classifier:
    with torch.device("meta"):  # base and ViT without their memory
        encoder = build_encoder(name, 12)
    return Classifier(encoder, 5, 0)


@pytest.mark.parametrize("name", ENCODERS)
def test_each_parameter_is_in_one_group_and_the_head_learns_like_the_last_layer(name: str) -> None:
    classifier = meta_classifier(name)
    groups = parameter_groups(classifier, lr=0.01, layer_decay=0.5, weight_decay=0.1)
    group_of = {id(part): group for group in groups for part in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(group_of) == len(list(classifier.parameters()))
    assert all(group["lr"] == 0.01 * group["lr_factor"] for group in groups)
    found = layers(classifier.encoder)
    for place, modules in enumerate(found):
        of_layer = [part for module in modules for part in module.parameters()]
        assert {group_of[id(part)]["lr_factor"] for part in of_layer} == {0.5 ** (len(found) - 1 - place)}
    assert {group_of[id(part)]["lr_factor"] for part in classifier.head.parameters()} == {1.0}


@pytest.mark.parametrize("name", PLACES)
def test_blocks_and_what_belongs_to_them_have_their_layers_rate(name: str) -> None:
    classifier = meta_classifier(name)
    groups = parameter_groups(classifier, lr=0.01, layer_decay=0.5, weight_decay=0.1)
    group_of = {id(part): group for group in groups for part in group["params"]}
    count, places = PLACES[name]
    for prefix, place in places.items():
        of_block = [part for key, part in classifier.encoder.named_parameters() if key.startswith(f"{prefix}.")]
        assert of_block
        assert {group_of[id(part)]["lr_factor"] for part in of_block} == {0.5 ** (count - place)}, prefix
    stem = classifier.encoder.get_parameter(FIRST[name])
    assert group_of[id(stem)]["lr_factor"] == 0.5**count
    last = [part for key, part in classifier.encoder.named_parameters() if key.startswith("norm.")]
    assert {group_of[id(part)]["lr_factor"] for part in last} <= {1.0}


@pytest.mark.parametrize("name", ENCODERS)
def test_weights_decay_and_norms_and_biases_do_not(name: str) -> None:
    classifier = meta_classifier(name)
    groups = parameter_groups(classifier, lr=0.01, layer_decay=0.5, weight_decay=0.1)
    decays = {id(part): group["weight_decay"] for group in groups for part in group["params"]}
    for module in classifier.modules():
        for key, part in module.named_parameters(recurse=False):
            weight = isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d) and key == "weight"
            assert decays[id(part)] == (0.1 if weight else 0.0), (type(module), key)


@pytest.mark.parametrize("name", ENCODERS)
def test_layers_come_in_the_order_of_the_signal_and_are_about_equally_long(name: str) -> None:
    encoder = meta_classifier(name).encoder
    stem, *blocks = encoder.layers()
    found = layers(encoder)
    assert found[0] == stem
    assert [module for run in found[1:] for module in run] == [module for block in blocks for module in block]
    assert len(found) - 1 == min(MOST_LAYERS, len(blocks))
    starts = {id(block[0]) for block in blocks}
    counts = [sum(id(module) in starts for module in run) for run in found[1:]]
    assert sum(counts) == len(blocks)
    assert max(counts) - min(counts) <= 1


def test_without_layer_decay_all_learn_at_one_rate() -> None:
    groups = parameter_groups(meta_classifier("nano"), lr=0.01, layer_decay=1.0, weight_decay=0.0)
    assert {group["lr"] for group in groups} == {0.01}
