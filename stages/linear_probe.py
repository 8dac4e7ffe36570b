"""Linear probe of one task: `python -m stages.linear_probe ptbxl-super`."""

from __future__ import annotations

import sys
from pathlib import Path

from esi import params
from esi.errors import run
from esi.evaluate.benchmark import Benchmark, encoders, figures
from esi.evaluate.linear_probe import linear_probe
from esi.evaluate.plots import draw_roc
from esi.evaluate.tasks import task_by_name
from esi.files import write_json


def main(name: str) -> None:
    settings = params.load()
    task = task_by_name(name)
    benchmark = Benchmark(task, Path("data/ecg"), settings.signal, settings.evaluate)
    train, validation, test = (benchmark.split(split) for split in ("train", "validation", "test"))
    probes, results = [], []
    for _, key, model in encoders(Path("data/model"), settings.evaluate.random_seeds):
        features = [benchmark.encode(model, key, split).pooled_ND for split in (train, validation, test)]
        probes.append(
            linear_probe(
                features[0],
                train.labels_NK,
                features[1],
                validation.labels_NK,
                features[2],
                settings.linear_probe.inverse_penalties,
            )
        )
        results.append(benchmark.auroc(test, probes[-1].scores_NK))
    content = figures(test, results[0], results[1:])
    content |= {
        "n_train": len(train.records),
        "n_validation": len(validation.records),
        "inverse_penalty": probes[0].inverse_penalty,
    }
    if probes[0].untrainable:
        content["untrainable_classes"] = " ".join(task.class_names[k] for k in probes[0].untrainable)
    write_json(Path("metrics/linear_probe") / f"{name}.json", content)
    draw_roc(
        Path("metrics/linear_probe") / f"{name}.png",
        f"{name}, linear probe",
        test.labels_NK,
        probes[0].scores_NK,
        task.class_names,
        results[0],
    )


if __name__ == "__main__":
    run(main, *sys.argv[1:])
