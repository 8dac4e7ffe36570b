"""The report as a page: complete, self-contained, well-formed, and honest about what was not run."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from esi.errors import EsiError
from esi.files import write_json
from esi.params import Params
from esi.report.page import render
from tests.conftest import ROOT
from tests.report.samples import csv_file, write_run

PAPER = ROOT / "data" / "paper"
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Elements with their attributes, text by element, and what is wrong with the nesting."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> at line {self.getpos()[0]}"

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    write_run(root)
    return root


@pytest.fixture(scope="module")
def html(run_folder: Path, settings: Params) -> str:
    return render(settings, run_folder / "metrics", run_folder / "data", PAPER)


def test_the_page_loads_nothing(html: str) -> None:
    page = Page(html)
    sources = [attrs.get(key) or "" for _, attrs in page.tags for key in ("src", "href", "xlink:href", "srcset", "action")]
    assert {source.split(":")[0].split("#")[0] for source in sources if source} <= {"data", ""}
    assert not {"script", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    assert not re.findall(r"@import|url\((?!#)", html)


def test_the_page_is_well_formed_and_accessible(html: str) -> None:
    page = Page(html)
    assert page.count("h1") == 1
    assert all(attrs.get("alt") for tag, attrs in page.tags if tag == "img")
    assert page.count("img") == 2 * 5  # ROC and reliability of five tasks and protocols
    assert all(attrs.get("aria-label") for tag, attrs in page.tags if tag == "svg")
    ids = Counter(attrs["id"] for _, attrs in page.tags if attrs.get("id"))
    assert [name for name, count in ids.items() if count > 1] == []
    targets = {
        attrs["href"] for tag, attrs in page.tags if tag in ("a", "use") and (attrs.get("href") or "").startswith("#")
    }
    assert {target[1:] for target in targets if target} <= set(ids)
    for table in re.findall(r"<table.*?</table>", html, flags=re.DOTALL):
        assert re.search(r'<th scope="col">', table)
        assert re.search(r'<th scope="row">', table)


def test_every_row_has_as_many_cells_as_its_header(html: str) -> None:
    for table in re.findall(r"<table>.*?</table>", html, flags=re.DOTALL):
        width = table.count('<th scope="col">')
        for row in re.findall(r"<tr[^>]*>(?:(?!</tr>).)*</tr>", table, flags=re.DOTALL):
            spans = [int(span) for span in re.findall(r'colspan="(\d+)"', row)]
            cells = len(re.findall(r"<t[hd][ >]", row))
            assert cells - len(spans) + sum(spans) == width, row


def test_the_same_files_give_the_same_bytes(html: str, run_folder: Path, settings: Params) -> None:
    assert render(settings, run_folder / "metrics", run_folder / "data", PAPER) == html


def test_simulated_data_are_said_to_be(html: str, run_folder: Path, settings: Params) -> None:
    assert "Simulated data: all data sets." in Page(html).text
    content = settings.model_dump()
    for name, row in content["ingest"].items():
        row["root"] = Path("/data") / name
    real = Params.model_validate(content)
    assert "imulated" not in Page(render(real, run_folder / "metrics", run_folder / "data", PAPER)).text


def test_what_does_not_beat_a_control_is_flagged(html: str) -> None:
    text = re.sub(r"<[^>]+>|\s+", " ", html)
    assert "⚠ not above hand-made" in text
    assert "⚠ not above template" in text
    assert "✓ above all controls" in text


def test_an_empty_run_is_a_page_of_sections_not_run(tmp_path: Path, settings: Params) -> None:
    page = Page(render(settings, tmp_path / "metrics", tmp_path / "data", PAPER))
    assert page.text.count("Not run") >= 6
    assert "0.938" in page.text  # the paper's figures are there all the same
    assert "ingest.chapman.folds names no fold for validation and test" in page.text
    assert page.count("img") == 0


def test_cases_have_leads_scores_caption_and_texts(html: str) -> None:
    text = Page(html).text
    assert html.count('<article class="case">') == 8  # two right and two wrong of two tasks
    assert html.count('class="badge good"') == html.count('class="badge bad"') == 4
    assert "right on 30 of 40 test records" in text
    assert "Findings: sinus rhythm & more." in text
    assert "Sinus rhythm <b>of the record</b>." in text  # shown as it is, not as markup
    assert "A normal ECG has P waves." in text
    assert "7.0 s recorded" in text


def test_records_of_a_private_set_are_not_shown(run_folder: Path, settings: Params) -> None:
    content = settings.model_dump()
    content["ingest"]["ptbxl"] = {
        **content["ingest"]["mimic"],
        "root": Path("/hospital"),
        "folds": content["ingest"]["ptbxl"]["folds"],
    }
    html = render(Params.model_validate(content), run_folder / "metrics", run_folder / "data", PAPER)
    assert "ptbxl-1<" not in html
    assert "Records of ptbxl are not shown" in html


@pytest.mark.parametrize(
    "content", ['{"metric": "AUROC", "value": 0.9', "[1, 2]", '{"metric": "AUROC", "value": "high"}', '{"value": 0.9}']
)
def test_a_broken_json_file_is_named(content: str, tmp_path: Path, settings: Params) -> None:
    path = tmp_path / "metrics" / "zero_shot" / "ptbxl-super.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(EsiError, match=re.escape(str(path))):
        render(settings, tmp_path / "metrics", tmp_path, PAPER)


def test_a_broken_table_is_named(tmp_path: Path, settings: Params) -> None:
    metrics = tmp_path / "metrics"
    write_json(metrics / "zero_shot" / "ptbxl-super.json", {"metric": "AUROC", "value": 0.9, "random": 0.5})
    path = metrics / "details" / "zero_shot" / "ptbxl-super.csv"
    csv_file(path, [{"name": "esi", "auroc": 0.9}])
    with pytest.raises(EsiError, match=f"{re.escape(str(path))} has no column model, variant, share"):
        render(settings, metrics, tmp_path, PAPER)
    path.write_text("model,variant,share,auroc\nesi,,0.0\n")
    with pytest.raises(EsiError, match="line 2: not as many fields"):
        render(settings, metrics, tmp_path, PAPER)


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(width: int, html: str, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    frame = f'<iframe srcdoc="{html.replace("&", "&amp;").replace(chr(34), "&quot;")}" style="width:{width}px"></iframe>'
    script = (
        "onload = () => { const page = document.querySelector('iframe').contentDocument.documentElement; "
        "const table = page.querySelector('#summary .scroll'); "
        "document.title = [page.scrollWidth, page.clientWidth, table.scrollWidth, table.clientWidth].join(' ') }"
    )
    (tmp_path / "frame.html").write_text(f"<!doctype html><title></title><script>{script}</script>{frame}")
    command = [
        chromium,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--dump-dom",
    ]
    done = subprocess.run(
        [*command, f"file://{tmp_path / 'frame.html'}"], capture_output=True, text=True, timeout=120, check=True
    )
    found = re.search(r"<title>(\d+) (\d+) (\d+) (\d+)</title>", done.stdout)
    assert found, done.stdout[:500]
    page, window, table, box = map(int, found.groups())
    assert page <= window
    assert width < 1000 or table <= box  # on a desktop the summary is seen whole
