"""A run's figures, tables, pictures, predictions and ECGs as the other stages write them, made up and small."""

from __future__ import annotations

import base64
import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from esi.ecg.tables import SCHEMA
from esi.evaluate.predictions import Prediction, write_predictions
from esi.evaluate.split import Split
from esi.files import write_json, write_table

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPj/HwADBwIAMCbHYQAAAABJRU5ErkJggg==")
SUPER = ["CD", "HYP", "MI", "NORM", "STTC"]
NINE = ["AF", "I-AVB", "LBBB", "Normal", "PAC", "PVC", "RBBB", "STD", "STE"]
N = 40


def csv_file(path: Path, lines: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def model_line(model: str, auroc: float, share: float = 1.0, variant: str = "", beaten: str = "") -> dict[str, Any]:
    return {
        "model": model,
        "variant": variant,
        "share": share,
        "runs": 1,
        "auroc": auroc,
        "auroc_sd": "",
        "auroc_low": auroc - 0.03,
        "auroc_high": auroc + 0.03,
        "auprc": 0.7,
        "f1": 0.654,
        "brier": 0.1,
        "ece": 0.05,
        "difference": "" if model == "esi" else 0.9 - auroc,
        "difference_low": "" if model == "esi" else 0.8 - auroc,
        "difference_high": "" if model == "esi" else 1 - auroc,
        "p_value": "" if model == "esi" else 0.01,
        "beaten": beaten,
    }


def classification(metrics: Path, protocol: str, task: str, classes: list[str]) -> None:
    figure = {"metric": "AUROC", "value": 0.91, "low": 0.88, "high": 0.94, "random": 0.62, "hand": 0.9, "n_test": N}
    write_json(metrics / protocol / f"{task}.json", figure)
    share = 0.0 if protocol == "zero_shot" else 1.0
    lines = [
        model_line("esi", 0.91, share),
        model_line("random", 0.62, share, beaten="1"),
        model_line("hand", 0.9, share, beaten="0"),
    ]
    if protocol == "zero_shot":
        lines.append(model_line("esi", 0.85, share, "names"))
    else:
        lines += [model_line("esi", 0.8, 0.05), model_line("esi", 0.7, 0.01), model_line("random", 0.55, 0.05, beaten="1")]
    folder = metrics / "details" / protocol
    csv_file(folder / f"{task}.csv", lines)
    by_class = [
        {
            "class": name,
            "positives": 9,
            "threshold": 0.1,
            "auroc": 0.9,
            "auroc_low": 0.85,
            "auroc_high": 0.95,
            "auprc": 0.7,
            "f1": 0.6,
            "brier": 0.1,
            "ece": 0.02,
            "random": 0.5,
            "hand": 0.8,
            "rocket": "",
            "supervised": "",
        }
        for name in classes
    ]
    csv_file(folder / f"{task}-classes.csv", by_class)
    for kind in ("roc", "reliability"):
        (folder / f"{task}-{kind}.png").write_bytes(PNG)


def others(metrics: Path) -> None:
    for name in ("ptbxl", "icbeb"):
        write_json(
            metrics / "identification" / f"{name}.json",
            {"metric": "accuracy", "value": 0.3, "low": 0.25, "high": 0.35, "random": 0.07, "template": 0.98, "n_test": N},
        )
        lines = [
            ("strip", "linear", "esi", 0.3),
            ("strip", "cosine", "esi", 0.28),
            ("strip", "linear", "random", 0.07),
            ("strip", "template", "template", 0.98),
            ("recording", "cosine", "esi", 0.1),
            ("recording", "template", "template", 0.4),
        ]
        csv_file(
            metrics / "details" / "identification" / f"{name}.csv",
            [
                {
                    "protocol": protocol,
                    "method": method,
                    "model": model,
                    "subjects": 101,
                    "runs": 1,
                    "auc": 0.923,
                    "auc_sd": "",
                    "accuracy": value,
                    "accuracy_sd": "",
                    "accuracy_low": value - 0.05,
                    "accuracy_high": value + 0.05,
                    "chance": 0.01,
                }
                for protocol, method, model, value in lines
            ],
        )
        write_json(
            metrics / "retrieval" / f"{name}.json",
            {"metric": "recall@10", "value": 0.5, "low": 0.4, "high": 0.6, "random": 0.1, "n_test": N},
        )
        csv_file(
            metrics / "details" / "retrieval" / f"{name}.csv",
            [
                {
                    "direction": "ecg_to_text",
                    "model": model,
                    "queries": N,
                    "candidates": 33,
                    **{f"recall_{k}{end}": value for k in (1, 5, 10) for end in ("", "_low", "_high")},
                    "median_rank": 4,
                    "chance_recall_10": 0.08,
                }
                for model, value in (("esi", 0.5), ("random", 0.1))
            ],
        )
        write_json(metrics / "distribution" / f"{name}.json", {"metric": "MMD²", "value": 0.01, "random": 0.03, "n_test": N})
        csv_file(
            metrics / "details" / "distribution" / f"{name}.csv",
            [
                {
                    "model": model,
                    "space": "pooled",
                    "pretraining_records": 500,
                    "test_records": N,
                    "bandwidth": 1.2,
                    "mmd2": value,
                    "p_value": 0.002,
                }
                for model, value in (("esi", -0.0012), ("random", 0.03))
            ],
        )
    write_json(
        metrics / "captions" / "ptbxl.json",
        {"metric": "label F1", "value": 0.6, "low": 0.5, "high": 0.7, "random": 0.2, "n_test": N},
    )
    csv_file(
        metrics / "details" / "captions" / "ptbxl.csv",
        [
            {
                "model": model,
                "records": N,
                "bleu": 0.3,
                "rouge_l": 0.4,
                "bertscore_f1": 0.8,
                "label_precision": 0.6,
                "label_recall": 0.6,
                "label_f1": value,
                "label_f1_low": value - 0.1,
                "label_f1_high": value + 0.1,
                "distinct": 0.4,
            }
            for model, value in (("esi", 0.6), ("random", 0.2), ("common", 0.3))
        ],
    )


def predictions(data: Path, dataset: str, task: str, classes: list[str], protocol: str) -> None:
    """Record n has the label n modulo K; every fourth is scored wrongly."""
    k = len(classes)
    labels_NK = np.eye(k, dtype=bool)[np.arange(N) % k]
    scores_NK = np.where(np.eye(k, dtype=bool)[[(n + (n % 4 == 0)) % k for n in range(N)]], 2.0, -1.0)
    split = Split([f"{dataset}-{n}" for n in range(N)], [f"s{n}" for n in range(N)], labels_NK)
    found = [Prediction("esi", "test", split, scores_NK, share=0.0 if protocol == "zero_shot" else 1.0)]
    write_predictions(data / "predictions" / protocol / f"{task}.parquet", classes, found)


def ecgs(data: Path, dataset: str, seconds: float) -> None:
    """Leads as sine waves of their own frequencies, in two row groups."""
    t = np.arange(5000) / 500
    signal_CT = np.stack([800 * np.sin(2 * np.pi * (0.8 + 0.1 * lead) * t) + 100 for lead in range(12)]).astype("<i2")
    valid = round(seconds * 500)
    signal_CT[:, valid:] = 0
    blank: dict[str, Any] = dict.fromkeys(SCHEMA.names)
    rows = [
        {**blank, "record_id": f"{dataset}-{n}", "valid_samples": valid, "signal": signal_CT.tobytes()} for n in range(N)
    ]
    path = data / "ecg" / dataset / "part-000.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path, row_group_size=N // 2)


def write_run(root: Path) -> None:
    """All that a whole run leaves, below root/metrics and root/data."""
    metrics, data = root / "metrics", root / "data"
    for dataset, task, classes, seconds in (("ptbxl", "ptbxl-super", SUPER, 10.0), ("icbeb", "icbeb-nine", NINE, 7.0)):
        for protocol in ("zero_shot", "linear_probe"):
            classification(metrics, protocol, task, classes)
            predictions(data, dataset, task, classes, protocol)
        ecgs(data, dataset, seconds)
    classification(metrics, "fine_tune", "ptbxl-super", SUPER)
    others(metrics)
    write_json(metrics / "pairs.json", {"train": 2613, "pairs_ptbxl": 966, "pairs_chapman": 600, "pairs_mimic": 1200})
    write_json(metrics / "pretrain.json", {"parameters_signal_encoder": 1771808})
    scores = {
        f"bertscore_{key}{end}": value
        for key in ("precision", "recall", "f1")
        for end, value in (("", 0.7115), ("_sd", 0.0674))
    }
    write_json(metrics / "score_descriptions.json", scores)
    csv_file(
        metrics / "pretrain" / "steps.csv",
        [{"step": 10 * n, "loss": 14 / n, "loss_con": 4 / n, "loss_cap": "", "retrieval_top1": 0.1} for n in range(1, 20)],
    )
    csv_file(
        metrics / "pretrain" / "validation.csv",
        [{"step": 50 * n, "loss": 10 / n, "loss_con": 3 / n, "loss_cap": "", "retrieval_top1": 0.2} for n in range(1, 4)],
    )
    captions = {
        "record_id": ["ptbxl-0", "ptbxl-1"],
        "subject_id": ["s0", "s1"],
        "reference": ["Sinus rhythm <b>of the record</b>.", "Sinus rhythm."],
        "caption": ["Findings: sinus rhythm & more.", "Findings: AF."],
        "reference_statements": [["sinus rhythm"], ["sinus rhythm"]],
        "caption_statements": [["sinus rhythm"], ["atrial fibrillation"]],
    }
    write_table(data / "predictions" / "captions" / "ptbxl.parquet", pa.table(captions))
    texts = {"statement": ["normal ECG", "atrial fibrillation"], "description": ["A normal ECG has P waves.", "No P waves."]}
    write_table(data / "descriptions.parquet", pa.table(texts))
