"""Everybody who captions: the model, its copies with a random signal encoder, and the controls without a decoder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from esi.evaluate.captions.captioned_set import CaptionedSet
from esi.evaluate.captions.controls import NearestText, commonest_findings
from esi.evaluate.captions.write import draw_records, spelled, write_captions
from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.models.abilities import why_not
from esi.evaluate.models.encoders import Encoders
from esi.evaluate.models.registry import COMMON, NEAREST, Ability
from esi.params import Params
from esi.paths import ECG, PAIRS
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


def captioned_sets(
    sets: Mapping[str, EcgSet], texts: Mapping[str, pl.DataFrame], encoders: Encoders, settings: Params
) -> list[CaptionedSet]:
    """Some records of each set, as `caption` of params.yaml says, with what every captioner writes of them.

    Args:
        texts: of `record_texts`, by name of the set.
    """
    wanted, evaluate = settings.caption, settings.evaluate
    tests = [CaptionedSet(name, draw_records(of_set, name, wanted.limit)) for name, of_set in texts.items()]
    nearest = NearestText(PAIRS, ECG, settings.signal, evaluate.batch_size)
    common = commonest_findings(PAIRS)
    run_captioners(tests, sets, encoders, nearest, common, wanted, evaluate.batch_size, evaluate.seed)
    return tests
