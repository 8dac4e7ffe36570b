"""Everybody who captions: the model, its copies with a random signal encoder, and the controls without a decoder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from esi.evaluate.captions.captioned_set import CaptionedSet
from esi.evaluate.captions.controls import NearestText
from esi.evaluate.captions.write import spelled, write_captions
from esi.evaluate.ecg_set import Candidate, EcgSet
from esi.model.export import NO_SPACE
from esi.settings.evaluation import Caption


def run_captioners(
    tests: Iterable[CaptionedSet],
    sets: Mapping[str, EcgSet],
    candidates: Iterable[Candidate],
    nearest: NearestText,
    common: str,
    settings: Caption,
    batch_size: int,
    seed: int,
) -> None:
    """Add to each of `tests` what every captioner writes of its records.

    Args:
        sets: by name. candidates: the pretrained model first. common: of `commonest_findings`.
        batch_size: records at a time. seed: of nucleus sampling.
    """
    tests = list(tests)
    for candidate in candidates:
        model = candidate.model
        for test in tests:
            ecgs, records = sets[test.dataset], test.records["record_id"].to_list()
            test.add(candidate.name, write_captions(model, ecgs.store, records, settings, batch_size, seed))
            if candidate.name == "esi":
                if model.config.contrastive:
                    z_NE = ecgs.encode(model, candidate.key, "test", records).z_NE
                    test.add("nearest", spelled(model, nearest(model, candidate.key, z_NE)))
                else:
                    print(f"{test.dataset}: no captions by the nearest ECG: {NO_SPACE}.")
                test.add("common", spelled(model, [common] * len(records)))
                test.references = spelled(model, test.records["text"].to_list())
