"""dvc.lock after a kill: DVC rewrites it in place, and one that is cut stops each later `dvc repro` before its first stage.

The file is a record of what each stage was last made from. A stage that it lacks is looked up in DVC's run cache, or runs
again; one with an old record too. So what is whole in it may stay, and the rest may come from the last commit.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError

HEAD = "schema: '2.0'\nstages:\n"
_ENTRY = re.compile(r"^  (\S[^\n]*):[ \t]*$", re.MULTILINE)
_CONFLICT = re.compile(r"^(?:<<<<<<<|=======|>>>>>>>)", re.MULTILINE)


def stages_in(text: str) -> dict[str, Any] | None:
    """The stages of a lock file, or None where DVC would refuse it."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    try:
        content = YAML(typ="safe").load(text)
        COMPILED_LOCKFILE_SCHEMA(content)
    except (YAMLError, Invalid):
        return None
    return dict(content.get("stages") or {})


def repaired(text: str, committed: str) -> str:
    """A lock file of the whole entries of `text`, and of `committed` where it has more.

    The last entry before the cut is never kept: nobody can see whether it is whole.
    """
    entries = _entries(_CONFLICT.split(text)[0])
    kept = dict(list(entries.items())[:-1])
    while kept and stages_in(HEAD + "".join(kept.values())) is None:  # damage of another kind than a cut
        kept.popitem()
    if stages_in(committed):
        kept = {**kept, **{name: entry for name, entry in _entries(committed).items() if name not in kept}}
    return _file_of(kept)


def without_stages_of_the_past(text: str, pipeline: str) -> str:
    """A whole lock file without the stages that dvc.yaml no longer has: DVC keeps them, and writes them anew each time."""
    stages = YAML(typ="safe").load(pipeline)["stages"]
    kept = {
        name: entry
        for name, entry in _entries(text).items()
        if ("foreach" in stages.get(name.partition("@")[0], {}) if "@" in name else name in stages)
    }
    return _file_of(kept)


def committed_lock(folder: Path) -> str:
    """dvc.lock of the last commit; empty where there is none."""
    try:
        done = subprocess.run(["git", "show", "HEAD:./dvc.lock"], cwd=folder, capture_output=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def _file_of(entries: dict[str, str]) -> str:
    return HEAD + "".join(entries.values()) if entries else "schema: '2.0'\nstages: {}\n"


def _entries(text: str) -> dict[str, str]:
    """The text of each stage, by its name."""
    starts = [*_ENTRY.finditer(text)]
    ends = [*(start.start() for start in starts), len(text)][1:]
    return {start.group(1): text[start.start() : end] for start, end in zip(starts, ends, strict=True)}
