"""Retrieval between the ECGs and the texts of the test records of some data sets."""

from __future__ import annotations

import numpy as np
import polars as pl

from esi import params
from esi.command import run
from esi.ecg.statements.descriptions import read_descriptions
from esi.evaluate.ecg_set import EcgSet, candidates
from esi.evaluate.record_texts import record_texts
from esi.evaluate.retrieval import Texts, embed_texts, retrieval
from esi.files import replacing_folder, write_json, write_text
from esi.model.export import NO_SPACE, read_config
from esi.paths import DESCRIPTIONS, DETAILS, ECG, METRICS, MODEL


def main() -> None:
    settings = params.load()
    evaluate = settings.evaluate
    if "zero_shot" not in read_config(MODEL).abilities:
        print(f"No retrieval by the model: {NO_SPACE}.")
        with replacing_folder(METRICS / "retrieval"), replacing_folder(DETAILS / "retrieval"):
            return
    descriptions = read_descriptions(DESCRIPTIONS)
    sets = {name: EcgSet(name, ECG, settings.signal, evaluate.batch_size) for name in settings.retrieval.sets}
    known = descriptions if settings.pairs.descriptions else {}
    rows = {name: record_texts(ecgs.of("test"), known, MODEL) for name, ecgs in sets.items()}
    texts = {name: Texts.of(of_set) for name, of_set in rows.items()}
    ecg_runs: dict[str, dict[str, list[np.ndarray]]] = {name: {"esi": [], "random": []} for name in sets}
    for candidate in candidates(MODEL, evaluate.random_seeds, sets.values()):
        if candidate.name == "esi":
            text_z = {name: embed_texts(candidate.model, of_set.distinct) for name, of_set in texts.items()}
        for name, ecgs in sets.items():
            z_NE = ecgs.encode(candidate.model, candidate.key, "test", rows[name]["record_id"].to_list()).z_NE
            ecg_runs[name][candidate.name].append(z_NE)
    with replacing_folder(METRICS / "retrieval") as metrics, replacing_folder(DETAILS / "retrieval") as details:
        for name in sets:
            found = {
                model: retrieval(runs, text_z[name], texts[name], evaluate.bootstrap, evaluate.seed)
                for model, runs in ecg_runs[name].items()
            }
            table = pl.DataFrame([way.row(model) for model, ways in found.items() for way in ways]).sort(
                "direction", "model"
            )
            write_text(details / f"{name}.csv", table.write_csv(float_precision=6))
            value, low, high = found["esi"][0].recalls[10]
            figures = {"value": value, "low": low, "high": high, "random": found["random"][0].recalls[10][0]}
            rounded = {key: round(figure, 6) for key, figure in figures.items()}
            write_json(metrics / f"{name}.json", {"metric": "recall@10", **rounded, "n_test": found["esi"][0].queries})


if __name__ == "__main__":
    run(main)
