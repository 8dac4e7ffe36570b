"""Everybody who captions: the model, its copies with a random signal encoder, and the controls without a decoder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from esi.evaluate.captions.captioned_set import CaptionedSet
from esi.evaluate.captions.controls import NearestText
from esi.evaluate.captions.write import spelled, write_captions
from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.models.abilities import why_not
from esi.evaluate.models.encoders import Encoders
from esi.evaluate.models.registry import COMMON, NEAREST, Ability
from esi.settings.evaluation import Caption


def run_captioners(
    tests: Iterable[CaptionedSet],
    sets: Mapping[str, EcgSet],
    encoders: Encoders,
    nearest: NearestText,
    common: str,
    settings: Caption,
    batch_size: int,
    seed: int,
) -> None:
    """Add to each of `tests` what every captioner writes of its records.

    Args:
        sets: by name. common: of `commonest_findings`.
        batch_size: records at a time. seed: of nucleus sampling.
    """
    tests = list(tests)
    for candidate in encoders:
        for test in tests:
            records = test.records["record_id"].to_list()
            store = sets[test.dataset].store
            test.add(candidate.name, write_captions(candidate.esi, store, records, settings, batch_size, seed))
    evaluated = encoders.evaluated
    no_space = why_not(evaluated.model.config, Ability.ZERO_SHOT)
    for test in tests:
        records = test.records["record_id"].to_list()
        if no_space:
            print(f"{test.dataset}: no captions by the nearest ECG: {no_space}.")
        else:
            z_NE = sets[test.dataset].encode(evaluated.model, evaluated.key, "test", records).z_NE
            test.add(NEAREST, spelled(evaluated.esi, nearest(evaluated.model, evaluated.key, z_NE)))
        test.add(COMMON, spelled(evaluated.esi, [common] * len(records)))
        test.references = spelled(evaluated.esi, test.records["text"].to_list())
