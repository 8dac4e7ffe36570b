"""Sound records to be damaged, and the public layouts that they are put into, each record in a folder of its own."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from scipy.io import savemat

from benchmarks.simulated import FOLDS
from esi.ecg.leads import LEADS
from esi.ecg.wfdb.files import read_signals, signal_files
from esi.simulate.releases.cohort import simulate_cohort

RELEASE = {"watch": ".", "windows": "first", "folds": FOLDS}
SCP = "{'NORM': 100.0}"


@dataclass(frozen=True)
class Original:
    """A record's files by name; the header that opens it, if it has one, is called "r.hea"."""

    files: dict[str, bytes]


def originals(folder: Path, each: int, seed: int, real: Path | None = None) -> dict[str, list[Original]]:
    """Sound records by layout, simulated (and real ones beside them).

    Args:
        folder: an empty folder to work in.
        each: how many to simulate for each layout.
        seed: of the simulated cohort.
        real: a folder with ptb-xl/records500 and cinc2021, or None.
    """
    simulate_cohort(folder, {"ptbxl": each, "mimic": each, "chapman": each}, seed)
    by_layout = {
        "ptbxl": sorted((folder / "ptbxl/records500").rglob("*.hea")),
        "mimic": sorted((folder / "mimic").rglob("*.hea")),
        "challenge": sorted((folder / "chapman").rglob("*.hea")),
    }
    if real is not None:
        by_layout["ptbxl"] += sorted((real / "ptb-xl/records500").rglob("*.hea"))[:each]
        by_layout["challenge"] += sorted((real / "cinc2021").rglob("*.hea"))[:: max(1, 240 // each)]
    records = {layout: [_read(header) for header in headers] for layout, headers in by_layout.items()}
    signals = [np.rint(read_signals(header)[0][:, :5000] * 1000).astype(int) for header in by_layout["ptbxl"][:each]]
    records["wfdb-folder"] = [_own(folder / f"own{number}", number, signal) for number, signal in enumerate(signals)]
    records["cpsc2018"] = [_cpsc(signal) for signal in signals]
    return records


def _read(header: Path) -> Original:
    files = {file.name: file.read_bytes() for file in signal_files(header)}
    return Original({"r.hea": header.read_bytes()} | files)


def _own(folder: Path, number: int, digital_CT: np.ndarray) -> Original:
    """In one of the ways of WFDB that the public releases do not use."""
    folder.mkdir()
    usual: dict[str, Any] = {"units": ["mV"] * 12, "sig_name": list(LEADS), "adc_gain": [200.0] * 12, "baseline": [0] * 12}
    usual["write_dir"] = str(folder)
    digital_TC = np.clip(digital_CT.T // 5, -2047, 2047)
    match number % 4:
        case 0:
            wfdb.wrsamp("r", 500, d_signal=digital_TC, fmt=["212"] * 12, **usual)
        case 1:
            wfdb.wrsamp("r", 500, d_signal=digital_TC, fmt=["32"] * 12, **usual)
            _several_a_frame(folder / "r.hea", digital_TC)
        case 2:
            half = {name: value[:6] for name, value in usual.items() if name != "write_dir"} | {"write_dir": str(folder)}
            other = half | {"sig_name": list(LEADS[6:])}
            wfdb.wrsamp("a", 500, d_signal=digital_TC[:, :6], fmt=["16"] * 6, **half)
            wfdb.wrsamp("b", 500, d_signal=digital_TC[:, 6:], fmt=["516"] * 6, **other)
            lines = [line for name in ("a", "b") for line in (folder / f"{name}.hea").read_text().splitlines()[1:]]
            (folder / "r.hea").write_text("\n".join(["r 12 500 5000", *lines]) + "\n")
            for name in ("a", "b"):
                (folder / f"{name}.hea").unlink()
        case _:
            wfdb.wrsamp("a", 500, d_signal=digital_TC[:2000], fmt=["16"] * 12, **usual)
            wfdb.wrsamp("b", 500, d_signal=digital_TC[2000:], fmt=["212"] * 12, **usual)
            (folder / "r.hea").write_text("r/3 12 500 5100\na 2000\n~ 100\nb 3000\n")
    return Original({file.name: file.read_bytes() for file in sorted(folder.iterdir())})


def _several_a_frame(header: Path, digital_TC: np.ndarray) -> None:
    """The same samples in format 16, eight of a signal after one another: 62.5 frames a second."""
    frames = digital_TC.reshape(-1, 8, 12).transpose(0, 2, 1)
    header.with_suffix(".dat").write_bytes(frames.astype("<i2").tobytes())
    first, *lines = header.read_text().splitlines()
    text = [first.replace(" 500 5000", " 62.5 625"), *(line.replace(" 32 ", " 16x8 ", 1) for line in lines)]
    header.write_text("\n".join(text) + "\n")


def _cpsc(digital_CT: np.ndarray) -> Original:
    content = BytesIO()
    savemat(content, {"ECG": {"sex": "Male", "age": 60.0, "data": digital_CT / 1000}}, do_compression=True)
    return Original({"A.mat": content.getvalue()})


def write_release(root: Path, layout: str, records: Sequence[dict[str, bytes]]) -> dict[str, Any]:
    """Write a release of these files; record number n has the id that `record_id` gives. Returns the ingest settings."""
    places = [root / _place(layout, number) for number in range(len(records))]
    for place, files in zip(places, records, strict=True):
        place.parent.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            renamed = place.name if name in ("r.hea", "A.mat") else name
            (place.parent / renamed).write_bytes(content)
    ids = [record_id(layout, number) for number in range(len(records))]
    paths = [place.relative_to(root).with_suffix("").as_posix() for place in places]
    match layout:
        case "ptbxl":
            columns = ["ecg_id", "patient_id", "age", "sex", "scp_codes", "strat_fold", "filename_hr"]
            _table(root / "ptbxl_database.csv", columns, [[i, i, 60, 1, SCP, 1, p] for i, p in zip(ids, paths, strict=True)])
            return {"format": "ptbxl", "root": root, "rate": 500, **RELEASE}
        case "mimic":
            time = "2150-01-01 00:00:00"
            _table(
                root / "record_list.csv", ["subject_id", "study_id", "ecg_time", "path"],
                [[i, i, time, p] for i, p in zip(ids, paths, strict=True)],
            )  # fmt: skip
            reports = [f"report_{number}" for number in range(18)]
            rows = [[i, "Sinus rhythm.", *[""] * 17] for i in ids]
            _table(root / "machine_measurements.csv", ["study_id", *reports], rows)
            return {"format": "mimic", "root": root, "patients": None, **RELEASE}
        case "cpsc2018":
            rows = [[i, "1", "", ""] for i in ids]
            _table(root / "REFERENCE.csv", ["Recording", "First_label", "Second_label", "Third_label"], rows)
            return {"format": "cpsc2018", "root": root, **RELEASE}
        case "wfdb-folder":
            _table(root / "labels.csv", ["file", "label"], [[path, "Sinus rhythm"] for path in paths])
            named = {"record": "file", "labels": "label"}
            own = {"table": "labels.csv", "columns": named, "separator": ";", "labels_are": "text"}
            return {"format": "wfdb-folder", "root": root, **own, **RELEASE}
    return {"format": "challenge", "root": root, **RELEASE}


def record_id(layout: str, number: int) -> str:
    """The id that the readers give to record `number` of `write_release`."""
    match layout:
        case "ptbxl" | "mimic":
            return str(number + 1)
        case "wfdb-folder":
            return _place(layout, number).removesuffix(".hea")
    return Path(_place(layout, number)).stem


def _place(layout: str, number: int) -> str:
    folder = {"ptbxl": "records500", "mimic": "files"}.get(layout, "records")
    return f"{folder}/{number:05d}/d{number:05d}.{'mat' if layout == 'cpsc2018' else 'hea'}"


def _table(path: Path, columns: list[str], rows: Sequence[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
