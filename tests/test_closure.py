"""What is computed once and kept is keyed by all of the code that computes it, and by no other code."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import torch

from esi import closure, files
from esi.cqa.retrieve import vector_search
from esi.cqa.write.answer_cache import AnswerCache
from esi.cqa.write.conversation import Conversation
from esi.cqa.write.description import Question
from esi.cqa.write.extractive import ExtractiveWriter
from esi.ecg.releases import reader_of
from esi.ecg.shards import Shard
from esi.evaluate.controls.features import control_features
from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.encode import encode
from esi.evaluate.fine_tune import runs as fine_tune_runs
from esi.evaluate.identify import fine_tune as identify_fine_tune
from esi.evaluate.models.encoders import Candidate
from esi.model.esi import ESI
from esi.pairs.columns import PairColumns
from esi.params import load
from esi.pretrain import known_texts
from esi.pretrain.plan import Plan
from esi.settings.learning import Train
from tests.conftest import ROOT
from tests.ecg.test_ingest import settings as release_at
from tests.evaluate.test_controls import ecg, regular, store_of
from tests.evaluate.test_fine_tune_runs import SETTINGS, made_up
from tests.evaluate.tiny_sets import SIGNAL, SUPER
from tests.model.mini import mini_esi
from tests.pairs.test_dataset import ROWS, write_pairs
from tests.pretrain.made_up_texts import TextPairs
from tests.pretrain.tiny_run import TRAIN

COPIED = ("esi", "stages", "data/reference")


def forget() -> None:
    for cached in (value for value in vars(closure).values() if hasattr(value, "cache_clear")):
        cached.cache_clear()


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the code, which alone is hashed."""
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / "copy" / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(closure, "ROOT", tmp_path / "copy")
    forget()
    yield tmp_path / "copy"
    forget()


def edit(path: Path) -> None:
    """Another line at the end, and a comment in every class: of settings a class counts when it is used."""
    path.write_bytes(
        re.sub(rb"^(class .*:)$", rb"\1  # edited", path.read_bytes(), flags=re.MULTILINE) + b"\n# another line\n"
    )
    forget()


# ---- the closure itself


def write(root: Path, **modules: str) -> None:
    for name, text in modules.items():
        path = root / "esi" / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    forget()


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of a few modules."""
    monkeypatch.setattr(closure, "ROOT", tmp_path)
    write(
        tmp_path,
        init="",
        a="from esi.b import thing\n",
        b="def f():\n    from esi import c\n",
        c="import esi.pack.d as d\n",
        pack__e="from .f import x\nfrom . import g\n",
        pack__d="from esi.pack import e\n",
        pack__f="import os, numpy\n",
        pack__g="",
        params="import esi.h\n",
        h="import esi.a\n",
        other="import esi.a\n",
        cycle="import esi.cycle\nimport esi.params\n",
    )
    for folder in ("esi", "esi/pack"):
        (tmp_path / folder / "__init__.py").write_text("")
    forget()
    yield tmp_path
    forget()


def test_it_follows_every_kind_of_import_and_stops_at_the_settings(small: Path) -> None:
    pack = {"esi.pack", "esi.pack.d", "esi.pack.e", "esi.pack.f", "esi.pack.g"}
    assert closure.closure("esi.a") == {"esi", "esi.a", "esi.b", "esi.c", *pack}
    assert closure.closure("esi.cycle") == {"esi", "esi.cycle", "esi.params"}
    with pytest.raises(ValueError, match=r"esi\.nothing"):
        closure.closure("esi.nothing")


@pytest.mark.parametrize("edited", ["a", "b", "c", "pack/__init__", "pack/d", "pack/e", "pack/f", "pack/g"])
def test_an_edit_of_any_member_changes_the_hash(small: Path, edited: str) -> None:
    before = closure.code_hash("esi.a")
    edit(small / "esi" / f"{edited}.py")
    assert closure.code_hash("esi.a") != before


@pytest.mark.parametrize("edited", ["params", "h", "other", "__init__"])
def test_an_edit_elsewhere_leaves_it(small: Path, edited: str) -> None:
    before = closure.code_hash("esi.a")
    edit(small / "esi" / f"{edited}.py")
    assert closure.code_hash("esi.a") == before


def test_a_module_that_becomes_imported_counts_and_one_that_moves_too(small: Path) -> None:
    before = closure.code_hash("esi.a")
    write(small, b="def f():\n    from esi import c, other\n")
    assert closure.code_hash("esi.a") != before
    names = {closure.code_hash("esi.pack.g")}
    shutil.move(small / "esi/pack/g.py", small / "esi/g.py")
    forget()
    assert closure.code_hash("esi.g") not in names


SETTINGS_MODULE = """from pydantic import Field
from esi.b import thing
Share = Field(ge=0)
class One:
    share: Share
class Two:
    other: thing
@decorated
class Three(One):
    pass
"""


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("class Two:", "class Two:  # edited", set()),
        ("class One:", "class One:  # edited", {"one", "three"}),
        ("ge=0", "ge=1", {"one", "three"}),
        ("@decorated", "@other", {"three"}),
        ("from pydantic import Field", "from pydantic import Field, Strict", set()),
    ],
)
def test_of_settings_what_is_used_counts(small: Path, old: str, new: str, changed: set[str]) -> None:
    users = {
        "one": "from esi.settings.x import One\n",
        "three": "def f():\n    from esi.settings.x import Three\n",
        "whole": "from esi.settings import x\n",
        "none": "import os\n",
    }
    write(small, settings__x=SETTINGS_MODULE, **users)
    (small / "esi/settings/__init__.py").write_text("")
    forget()
    before = {user: closure.code_hash(f"esi.{user}") for user in users}
    write(small, settings__x=SETTINGS_MODULE.replace(old, new))
    assert {user for user in users if closure.code_hash(f"esi.{user}") != before[user]} == changed | {"whole"}
    assert closure.closure("esi.one") == {"esi", "esi.one", "esi.settings", "esi.settings.x:One", "esi.settings.x:Share"}
    write(small, two="from esi.settings.x import Two\n")
    assert {"esi.b", "esi.c"} <= closure.closure("esi.two"), "what a setting is made of counts as well"


def test_data_that_a_module_names_counts(small: Path) -> None:
    (small / "data").mkdir()
    (small / "data" / "table.csv").write_text("1")
    write(small, pack__f='DATA_FILES = ("*.txt", "../../data/*.csv")\n')
    hashes = [closure.code_hash("esi.a")]
    for name, text in (("data/table.csv", "2"), ("esi/pack/words.txt", "one"), ("data/other.md", "not read")):
        (small / name).write_text(text)
        forget()
        hashes.append(closure.code_hash("esi.a"))
    assert len(set(hashes)) == 3
    assert hashes[2] == hashes[3]


def test_the_release_of_a_library_that_computes_counts(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = closure.code_hash("esi.a"), closure.code_hash("esi.pack.g")
    monkeypatch.setattr(closure, "version", lambda name: "99")
    forget()
    other = closure.code_hash("esi.a"), closure.code_hash("esi.pack.g")
    assert (other[0] == one[0], other[1] == one[1]) == (False, True)


def test_it_works_where_pip_has_installed_it(tmp_path: Path) -> None:
    """Another place, no clone around it: the same hash, for nothing of the place is in it."""
    shutil.copytree(ROOT / "esi", tmp_path / "site" / "esi", ignore=shutil.ignore_patterns("__pycache__"))
    code = "from esi.closure import code_hash; print(code_hash('esi.evaluate.encode'))"
    there = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "site", capture_output=True, text=True, check=True)
    assert there.stdout.strip() == closure.code_hash("esi.evaluate.encode")


# ---- the keys of what is kept


class Seen(Exception):
    """Raised instead of the work, with the key."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ESI:
    return mini_esi(tmp_path_factory.mktemp("bert"))


@pytest.fixture
def keys(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, model: ESI) -> Callable[[], dict[str, str]]:
    """The key of every kind of thing that is kept, asked for anew at each call."""
    ecg_folder, pairs_folder = tmp_path / "ecg", tmp_path / "pairs"
    made_up(ecg_folder, [["NORM"]] * 4)
    write_pairs(pairs_folder, ROWS)
    launched = SimpleNamespace(bf16=False, device=torch.device("cpu"), main=True, precision="fp32")
    hand_store = store_of([ecg(100, regular(0.8))] * 2)

    def stopped(*arguments: Any) -> NoReturn:
        raise Seen(*arguments)

    for module in (fine_tune_runs, identify_fine_tune):
        monkeypatch.setattr(module, "Checkpoint", stopped)
    monkeypatch.setattr(vector_search, "_in_folder", stopped)
    monkeypatch.setattr(identify_fine_tune, "join", lambda *_: launched)
    monkeypatch.setattr(model, "encode_ecg", lambda ecg, _: {name: torch.zeros(len(ecg), 2) for name in ("pooled", "z")})

    def seen(work: Callable[[], object]) -> str:
        with pytest.raises(Seen) as caught:
            work()
        return str(caught.value.args[0])

    def new_in(kind: str, work: Callable[[], object]) -> str:
        shutil.rmtree(own_cache / kind, ignore_errors=True)
        work()
        return " ".join(sorted(path.name for path in (own_cache / kind).rglob("*.*")))

    def all_keys() -> dict[str, str]:
        ecgs = EcgSet("ptbxl", ecg_folder, SIGNAL, 4)
        candidate = Candidate("esi", 0, "the key", model)
        columns = PairColumns(pairs_folder / "pairs/pairs.parquet", "train")
        data = TextPairs(8)
        plan = Plan(data, data, SIGNAL, model.config.model, Train(**TRAIN), 24)
        reader = reader_of(release_at(tmp_path))
        shard = Shard("a", reader, False, SimpleNamespace(model_dump_json=str), pl.DataFrame({"path": ["x"]}), tmp_path)
        trial = SimpleNamespace(protocol="p", gallery=["0"], probes=["1"], gallery_strip=None, probe_strip=None)
        monkeypatch.setattr(identify_fine_tune, "signals", lambda *_: (torch.zeros(1, 12, 9), torch.tensor([9])))
        identify = SimpleNamespace(fine_tune_lr=1.0, fine_tune_epochs=1, batch_size=1)
        run, settings = fine_tune_runs.Run("esi", 1.0, 0), SETTINGS
        question = Question("sinus rhythm", "How?", [])
        index = pa.table({"chunk_id": ["a"], "vector": [[1.0]]})
        return {
            "signals": ecgs.store.key,
            "columns": columns.key,
            "embeddings": new_in("embeddings", lambda: encode(model, "key", ecgs.store, ["0"], 4)),
            "shards": shard.files().part.name,
            "pretrain": files.json_hash(plan.identity(model, model.config, launched)),
            "fine_tune": seen(lambda: fine_tune_runs.fine_tune(SUPER, ecgs, candidate, run, settings, 4, launched)),
            "identify": seen(lambda: identify_fine_tune.fine_tuned_scores(candidate, trial, ecgs.store, identify, 0)),
            "texts": known_texts._key(np.zeros(1), model.text, False, torch.device("cpu")),
            "controls": new_in("controls", lambda: control_features("hand", hand_store, {"train": ["0"], "test": ["1"]})),
            "extractive": new_in("answers", lambda: ExtractiveWriter(3, AnswerCache(own_cache / "answers")).write(question)),
            "chroma": seen(lambda: list(vector_search.nearest(index, "hash", np.ones((1, 1)), 1, None))),
            "paid": files.json_hash(Conversation(question, load(ROOT / "params.yaml").describe).request),
        }

    return all_keys


STORED = {"signals", "embeddings", "pretrain", "fine_tune", "identify", "controls"}
LEARNT = {"embeddings", "pretrain", "fine_tune", "identify"}


# file: which keys an edit of it changes, and which it leaves; others may change or not
EDITS: list[tuple[str, set[str], set[str]]] = [
    ("esi/evaluate/encode.py", {"embeddings"}, {"signals", "pretrain", "texts", "controls"}),
    ("esi/model/convnext1d.py", LEARNT, {"signals", "texts", "controls", "shards"}),
    ("esi/model/packing.py", {*LEARNT, "texts"}, {"signals", "controls", "shards"}),
    ("esi/text/packaged.py", {"texts"}, {"signals", "controls", "shards"}),
    ("esi/ecg/signals.py", STORED, {"shards", "texts", "columns"}),
    ("esi/ecg/leads.py", {*STORED, "shards"}, {"texts", "columns"}),
    ("esi/pairs/columns.py", {"columns", "pretrain"}, {"signals", "controls", "texts"}),
    ("esi/pairs/dataset.py", {"pretrain"}, {"signals", "controls", "texts", "embeddings", "fine_tune", "identify"}),
    ("esi/settings/section.py", {*STORED, "shards", "extractive"}, {"texts", "columns"}),
    ("esi/ecg/quality.py", {"shards"}, {*STORED, "texts"}),
    ("esi/ecg/wfdb/files.py", {"shards"}, {*STORED, "texts"}),
    ("esi/ecg/readers/ptbxl.py", set(), {*STORED, "shards", "texts"}),
    ("esi/train/gather.py", {"pretrain", "texts"}, {"signals", "embeddings", "fine_tune"}),
    ("esi/pretrain/objective.py", {"pretrain"}, {"signals", "embeddings", "texts", "fine_tune"}),
    ("esi/train/launch.py", {"pretrain", "fine_tune", "identify"}, {"signals", "embeddings", "texts"}),
    ("esi/evaluate/shares.py", {"fine_tune"}, {"embeddings", "pretrain", "controls"}),
    ("esi/evaluate/fine_tune/layers.py", {"fine_tune", "identify"}, {"embeddings", "pretrain", "controls"}),
    ("esi/evaluate/identify/trials.py", {"identify"}, {"fine_tune", "embeddings", "controls"}),
    ("esi/evaluate/controls/features.py", {"controls"}, {"signals", "embeddings", "pretrain"}),
    ("esi/evaluate/controls/beats.py", {"controls"}, {"signals", "embeddings", "pretrain"}),
    ("esi/evaluate/controls/hand_features.py", {"controls"}, {"signals", "embeddings", "pretrain"}),
    ("esi/evaluate/controls/rocket.py", set(), {"controls", "signals", "embeddings"}),
    ("esi/cqa/sentences.py", {"extractive"}, {"chroma", *STORED}),
    ("esi/cqa/books/read.py", {"extractive"}, {"chroma", *STORED}),
    ("esi/cqa/retrieve/index.py", {"extractive", "chroma"}, STORED),
    ("esi/cqa/retrieve/vector_search.py", {"extractive", "chroma"}, STORED),
    ("esi/report/page.py", set(), {*STORED, "texts", "columns", "shards", "extractive", "chroma"}),
    ("esi/params.py", set(), {*STORED, "texts", "columns", "shards", "extractive", "chroma"}),
]


def test_an_edit_changes_the_keys_of_what_it_computes_and_no_other(tree: Path, keys: Callable[[], dict[str, str]]) -> None:
    before = keys()
    wrong = []
    for file, change, stay in EDITS:
        text = (tree / file).read_bytes()
        edit(tree / file)
        after = keys()
        changed = {kind for kind in before if before[kind] != after[kind]}
        wrong += [(file, "kept", kind) for kind in change - changed]
        wrong += [(file, "changed", kind) for kind in changed & (stay | {"paid"})]
        (tree / file).write_bytes(text)
    assert not wrong


def test_no_edit_of_any_file_asks_a_paid_answer_again(tree: Path, keys: Callable[[], dict[str, str]]) -> None:
    before = keys()["paid"]
    for path in (tree / "esi").rglob("*.py"):
        path.write_bytes(path.read_bytes() + b"\n# another line\n")
    forget()
    assert keys()["paid"] == before


def test_what_decides_an_embedding_is_in_its_key(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of([ecg(100, regular(0.8))] * 2)
    asked = []

    def model(device: str) -> Any:
        def encode_ecg(ecg: torch.Tensor, _: torch.Tensor) -> dict[str, torch.Tensor]:
            asked.append(device)
            return {name: torch.zeros(len(ecg), 2) for name in ("pooled", "z")}

        return SimpleNamespace(encode_ecg=encode_ecg, device=torch.device(device))

    for device, batch_size in (("cpu", 2), ("cpu", 2), ("cpu", 4), ("meta", 2)):
        encode(model(device), "key", store, ["0"], batch_size)
    assert asked == ["cpu", "cpu", "meta"]


def test_features_of_other_splits_are_other_features(own_cache: Path) -> None:
    store = store_of([ecg(100, regular(0.8)), ecg(100, regular(0.6))])
    control_features("hand", store, {"test": ["0"], "train": ["1"]})
    assert set(control_features("hand", store, {"train": ["0"], "validation": ["1"]})) == {"train", "validation"}
