"""The lab of edits: an edit of one file runs the stages whose results it may change, and no other (docs/reruns.md)."""

from __future__ import annotations

import re

import pytest

from esi.closure import code_of
from tests.conftest import ROOT

CODE = {
    path.stem: set(code_of(f"stages.{path.stem}"))
    for path in (ROOT / "stages").glob("*.py")
    if path.stem not in ("__init__", "code")
}
LEARNED = {"pretrain", "zero_shot", "linear_probe", "fine_tune", "identify", "retrieval", "caption", "distribution"}
DESCRIBED = {"chunk", "embed", "describe", "score_descriptions"}
# What is edited, which stages must run, and which must not; before, all of the latter did.
EDITS: list[tuple[str, set[str], set[str]]] = [
    ("esi/command.py", set(), set(CODE)),
    ("esi/params.py", set(), set(CODE)),
    ("esi/settings/evaluation.py:Caption", {"caption"}, LEARNED - {"caption"} | {"results"}),
    ("esi/pairs/dataset.py", {"pretrain"}, LEARNED - {"pretrain"} | {"pairs"}),
    ("esi/pairs/text.py", {"pairs", "caption", "retrieval"}, {"linear_probe", "fine_tune", "identify", "distribution"}),
    ("esi/cqa/scores.py", {"score_descriptions"}, DESCRIBED - {"score_descriptions"}),
    ("esi/cqa/endpoint/openai_client.py", {"embed", "describe"}, {"chunk", "score_descriptions"}),
    ("esi/evaluate/zero_shot.py", {"zero_shot"}, LEARNED - {"zero_shot"}),
    ("tools/handbook.py", set(), set(CODE)),
    ("esi/model/convnext1d.py", LEARNED, set(CODE) - LEARNED),
]


@pytest.mark.parametrize(("edited", "run", "not_run"), EDITS, ids=[edit[0] for edit in EDITS])
def test_an_edit_of_one_file(edited: str, run: set[str], not_run: set[str]) -> None:
    file, _, definition = edited.partition(":")
    assert not definition or re.search(rf"^class {definition}\b", (ROOT / file).read_text(), re.MULTILINE)
    assert (ROOT / file).is_file()
    stages = {stage for stage, files in CODE.items() if edited in files}
    assert run <= stages
    assert not stages & not_run


def test_the_page_shows_these_edits() -> None:
    page = (ROOT / "docs/reruns.md").read_text(encoding="utf-8")
    assert all(f"| `{edited.replace(':', '`, class `')}`" in page for edited, _, _ in EDITS)
