"""Zero-shot classification of one task's test records: `python -m stages.zero_shot ptbxl-super`."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from esi import params
from esi.errors import run
from esi.evaluate.benchmark import Benchmark, encoders, figures
from esi.evaluate.plots import draw_roc
from esi.evaluate.tasks import task_by_name
from esi.evaluate.zero_shot import class_embeddings, zero_shot_scores
from esi.files import write_json


def main(name: str) -> None:
    settings = params.load()
    task = task_by_name(name)
    benchmark = Benchmark(task, Path("data/ecg"), settings.signal, settings.evaluate)
    descriptions = dict(pl.read_parquet("data/descriptions.parquet", columns=["statement", "description"]).iter_rows())
    test = benchmark.split("test")
    scores, results = [], []
    for _, key, model in encoders(Path("data/model"), settings.evaluate.random_seeds):
        prompts = class_embeddings(model, task, settings.zero_shot.prompts, descriptions)
        scores.append(zero_shot_scores(benchmark.encode(model, key, test).z_NE, prompts))
        results.append(benchmark.auroc(test, scores[-1]))
    write_json(Path("metrics/zero_shot") / f"{name}.json", figures(test, results[0], results[1:]))
    draw_roc(
        Path("metrics/zero_shot") / f"{name}.png",
        f"{name}, zero-shot",
        test.labels_NK,
        scores[0],
        task.class_names,
        results[0],
    )


if __name__ == "__main__":
    run(main, *sys.argv[1:])
