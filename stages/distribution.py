"""How far each test set lies from the pretraining ECGs in the encoders' eyes."""

from __future__ import annotations

from dataclasses import asdict
from statistics import fmean

import polars as pl

from esi import params
from esi.command import run
from esi.evaluate.distribution import PretrainingSample, discrepancy, draw_test
from esi.evaluate.ecg_set import EcgSet, candidates
from esi.files import replacing_folder, write_json, write_text
from esi.model.export import NO_SPACE, read_config
from esi.paths import DETAILS, ECG, METRICS, MODEL, PAIRS


def main() -> None:
    settings = params.load()
    most, batch_size = settings.distribution.records, settings.evaluate.batch_size
    pretraining = PretrainingSample(PAIRS, ECG, settings.signal, most, batch_size)
    sets = [EcgSet(name, ECG, settings.signal, batch_size) for name in settings.distribution.sets]
    tests = {ecgs.dataset: draw_test(ecgs, most) for ecgs in sets}
    rows = []
    for candidate in candidates(MODEL, settings.evaluate.random_seeds, sets):
        before = pretraining.encode(candidate.model, candidate.key)
        for ecgs in sets:
            test = ecgs.encode(candidate.model, candidate.key, "test", tests[ecgs.dataset])
            spaces = [("pooled", before.pooled_ND, test.pooled_ND)]
            spaces += [("z", before.z_NE, test.z_NE)] * candidate.model.config.contrastive  # else nothing has trained it
            for space, first, second in spaces:
                found = discrepancy(first, second, settings.distribution.permutations, settings.evaluate.seed)
                rows.append({"set": ecgs.dataset, "model": candidate.name, "space": space} | asdict(found))
    if "zero_shot" not in read_config(MODEL).abilities:
        print(f"No distances in the space of z: {NO_SPACE}.")
    table = pl.DataFrame(rows).with_columns(pl.col("bandwidth", "mmd2", "p_value").round(6))
    with replacing_folder(METRICS / "distribution") as metrics, replacing_folder(DETAILS / "distribution") as details:
        for name in tests:
            of_set = table.filter(pl.col("set") == name).drop("set")
            write_text(details / f"{name}.csv", of_set.write_csv())
            pooled = of_set.filter(pl.col("space") == "pooled")
            ours, random = (pooled.filter(pl.col("model") == model)["mmd2"].to_list() for model in ("esi", "random"))
            figures = {"metric": "MMD2", "value": ours[0], "random": round(fmean(random), 6), "n_test": len(tests[name])}
            write_json(metrics / f"{name}.json", figures)


if __name__ == "__main__":
    run(main)
