"""Real PTB-XL and CPSC2018 as the evaluation reads them, ingested into the machine-local cache, once a release.

They have names of their own, "real-ptbxl" and "real-cpsc": a model that was pretrained on the simulated set "ptbxl" knows
subjects 1, 2, 3 ..., which are other people in the real one. Signals are compared whatever the name: a model that was
pretrained on these recordings is still refused.
"""

from __future__ import annotations

from pathlib import Path

from esi.closure import code_hash
from esi.ecg.ingest import ingest
from esi.errors import EsiError
from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.tasks import Task, read_task
from esi.files import cache_folder, content_hash, json_hash, replacing_folder
from esi.params import Params
from esi.settings.data import Folds, Ingest, PtbxlRelease, Release, Signal

SIGNAL = Signal(rate=100, highpass_hz=0.5)
PTBXL, CPSC = "real-ptbxl", "real-cpsc"
ALL_FOLDS = list(range(1, 11))
TASK_OF = {PTBXL: "ptbxl-super", CPSC: "icbeb-nine"}


def real_ptbxl(root: Path, folds: list[int], settings: Params) -> EcgSet:
    """The records of some folds of a PTB-XL folder, by its copy at 100 Hz, as the split "test".

    Args:
        root: the folder with ptbxl_database.csv. folds: of 1..10.

    Raises:
        EsiError: PTB-XL is not there, a fold is none, or not one record of these folds can be used.
    """
    if not folds or not set(folds) <= set(ALL_FOLDS):
        raise EsiError(f"folds are {folds}: PTB-XL has folds 1 to 10, name some of them")
    if not (root / "ptbxl_database.csv").exists():
        raise EsiError(f"{root} holds no ptbxl_database.csv: give --ptbxl the folder of PTB-XL 1.0.3 (PhysioNet, ptb-xl)")
    held_out = Folds(train=[], validation=[], test=sorted(set(folds)))
    release = PtbxlRelease(format="ptbxl", root=root, watch=".", windows="first", rate=100, folds=held_out)
    return _ingested(PTBXL, release, settings)


def real_cpsc(root: Path, settings: Params) -> EcgSet:
    """All records of a CPSC2018 folder as the split "test", in the Challenge's layout or, with REFERENCE.csv, the original.

    Raises:
        EsiError: neither is there, or not one record can be used.
    """
    held_out = Folds(train=[], validation=[], test=ALL_FOLDS)
    release: Ingest
    if any(root.rglob("REFERENCE.csv")):
        release = Release(format="cpsc2018", root=root, watch=".", windows="first", folds=held_out)
    elif any(root.rglob("*.hea")):
        release = Release(format="challenge", root=root, watch=".", windows="first", folds=held_out)
    else:
        raise EsiError(
            f"{root} holds neither REFERENCE.csv nor .hea files: give --cpsc the folder of CPSC2018, as first published "
            "(2018.icbeb.org) or from the PhysioNet/CinC Challenge 2021 (cpsc_2018)"
        )
    return _ingested(CPSC, release, settings)


def task_of(dataset: str, settings: Params) -> Task:
    """The task of params.yaml that a real set is tested by, asked of that set.

    Raises:
        EsiError: params.yaml has no such task.
    """
    name = TASK_OF[dataset]
    if name not in settings.tasks:
        raise EsiError(
            f"tasks in params.yaml has no {name}, by which {dataset} is tested: take it from the params.yaml in git"
        )
    return read_task(name, settings.tasks[name].model_copy(update={"dataset": dataset}))


def _ingested(name: str, release: Ingest, settings: Params) -> EcgSet:
    files = [path for path in sorted(release.root.resolve().rglob("*")) if path.is_file()]
    listed = (f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in ((path, path.stat()) for path in files))
    chosen = (json_hash(release.model_dump(mode="json")), json_hash(settings.quality.model_dump()))
    key = content_hash(*chosen, code_hash("esi.ecg.ingest"), *listed)
    parent = cache_folder("real-sets", key[:32])
    if not (parent / name).exists():
        with replacing_folder(parent / name) as folder:
            ingest(name, release, settings.quality, folder)
    return EcgSet(name, parent, SIGNAL, settings.evaluate.batch_size)
