"""Any text comes out of Markdown as text."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from esi.markdown import code, escaped, one_line

WILD = st.text(st.sampled_from(list("<>&|`*_[]()!#-+=~\\:;/.@$1aw \n\t\x1b'\"")) | st.characters(), min_size=1, max_size=40)


def rendered(markdown: str) -> str:
    renderer = pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return renderer.render(markdown)


def shown(html: str) -> str:
    return " ".join(unescape(re.sub(r"</?(?:code|p|td|tr|tbody|table)>", "", html)).split())


@given(WILD)
@example("<img src=x onerror=alert(1)>")
@example("1. first")
@example("&lt;b&gt;")
@example("[a](javascript:x) ![b](c) <https://x.org>")
@example("a|b\n---|---")
@example("\x1b[31mred\x1b[0m\x07")
def test_any_text_comes_out_as_text(text: str) -> None:
    plain = one_line(text)
    for markdown in (escaped(text), code(text) if plain else ""):
        assert "\n" not in markdown
        html = rendered(markdown)
        assert set(re.findall(r"<[^>]*>", html)) <= {"<p>", "</p>", "<code>", "</code>"}
        assert shown(html) == (plain if markdown else "")
    table = rendered(f"| a |\n| --- |\n| {escaped(text)} {code(text) if plain else ''} |")
    assert table.count("<td>") == 1


def test_nothing_of_a_terminal_is_left() -> None:
    assert one_line("a\x1b[2J\x1b]0;x\x07b\r\nc\u202ed") == "a ]0;x b c d"


def test_a_datasheet_shows_labels_and_reasons_as_text() -> None:
    assert escaped("<img src=x onerror=alert(1)>") == "&lt;img src=x onerror=alert(1)&gt;"
    assert escaped("ST-T changes, V1 to V3 (LVH); T wave < 0.1 mV") == "ST-T changes, V1 to V3 (LVH); T wave &lt; 0.1 mV"
    assert code("NST_") == "`NST_`"
