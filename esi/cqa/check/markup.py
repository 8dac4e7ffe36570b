"""Markdown, HTML, LaTeX and citation marks in a model's answer: removed where the text says the same without, else reported.

`plain_text` undoes what only decorates (emphasis, list marks, <b>, "$\\geq 120$ ms", "[1]", one title); `markup` finds
what is left and what cannot be undone (tables, several headings, code, equations). "<0.12 s", "[V1-V3]" and "R<S" are none.
"""

from __future__ import annotations

import html
import re
import unicodedata

from esi.cqa.check.latex import without_latex

_INVISIBLE = re.compile(
    "\x1b\\[[0-9;]*[A-Za-z]|[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_PICTOGRAM = re.compile("[\u2600-\u27bf\ufe0f\u2b50\u2b55\U0001f000-\U0001faff]")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
# Tags by their names, with attributes as HTML writes them: "R<S in V1 and S>R" holds none.
_DECORATION = re.compile(
    r"<(?P<close>/?)(?P<name>b|i|u|em|strong|span|p|br|div|sub|sup|small|mark|font|ul|ol|li|section|article|body|html|center|"
    r"blockquote)(?:\s*/?|\s+[\w:-]+\s*=[^<>]{0,200})>",
    re.IGNORECASE,
)
_NOTE = re.compile(r"(?<![cm]m)<sup>\s?\[?\d{1,2}(?:\s?[,-]\s?\d{1,2}){0,9}\]?\s?</sup>", re.IGNORECASE)
_BLOCKS = ("p", "br", "div", "li", "ul", "ol", "section", "article", "blockquote")
_TAG = re.compile(
    r"<(?:!--|!doctype|\?xml|/[a-z][\w-]*\s*>|[a-z][\w:-]*\s+[\w:-]+\s*=|/?(?:a|img|script|style|table|t[drh]|thead|tbody|iframe|svg|"
    r"h[1-6]|code|pre|details|summary|input|form|button|video|audio|object|embed|link|meta|title|head|[du]l|d[td]|hr)\b[\s/>]|"
    r"[a-z]{3,}[a-z0-9_-]*\s?/?>)",
    re.IGNORECASE,
)
_FENCE = re.compile(r"\s*(```|~~~)[ \t]*[\w+-]*[ \t]*\n(?P<inside>.*)\n[ \t]*\1\s*", re.DOTALL)
_HEADING = re.compile(
    r"^[ \t]{0,3}#{1,6}[ \t]+\S.*$|^[^\n|]*[^\n|.!?:,;][ \t]*\n[ \t]{0,3}(?:={3,}|-{3,})[ \t]*$", re.MULTILINE
)
_BOLD_LINE = re.compile(r"^[ \t]*(?:\*\*|__)[^*_\n]{1,100}(?:\*\*|__)[ \t]*$", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:-[ \t]*){3,}$|^[ \t]*(?:\*[ \t]*){3,}$|^[ \t]*(?:_[ \t]*){3,}$|^={3,}$", re.MULTILINE)
_ITEM = re.compile(r"[ \t]*(?:>[ \t]?(?![ \t]*\d))*[ \t]*(?:(?:[-*+•◦▪●–—‣∙]|\(?\d{1,2}[.)]|\(?[a-z][.)])[ \t]+)?")
_LINK = re.compile(r"!?\[([^\[\]\n]{1,200})\]\((?:https?:|www\.|#|/|mailto:)[^()\s]*(?:\s+\"[^\"\n]*\")?\)")
_SOURCE = r"(?:passages?|sources?|refs?\.?|references?|citations?|texts?|documents?|excerpts?)"
_CITATION = re.compile(
    rf"\s?(?:【[^【】\n]{{0,80}}】|\[\^?\d{{1,2}}(?:\s?[,;–-]\s?\^?\d{{1,2}}){{0,9}}\]|\^\[?\d{{1,2}}\]?\^|(?<!m)[¹²³⁰⁴-⁹]+(?=[\s.,;)]|\Z)|"
    rf"[\[(](?:see |cf\. |from |as (?:stated|described) in )?(?:the )?{_SOURCE}:?\s?#?\[?\d{{1,2}}\]?"
    rf"(?:(?:, and|,|;| and| &|–|-)\s?(?:passage )?\[?\d{{1,2}}\]?){{0,9}}(?:, p(?:age|\.)? ?\d{{1,4}})?[\])]|"
    rf"\[(?:citation needed|{_SOURCE})\])",
    re.IGNORECASE,
)
_UNDERLINED = re.compile(r"(?<!\w)_(?=\S)([^_\n]{1,200}?)(?<=\S)_(?!\w)")
_STARRED = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]{1,400}?)(?<=[^\s*])\*(?![\w*])")
_LEFT = (
    ("a table", re.compile(r"\|")),
    ("a link", re.compile(r"https?://|www\.\w|\]\(", re.IGNORECASE)),
    ("LaTeX", re.compile(r"\\|\$|\^")),
    ("code", re.compile(r"`|~~~|[{}]")),
    ("a citation mark", re.compile(rf"[【】†]|{_CITATION.pattern}", re.IGNORECASE)),
    ("HTML", _TAG),
    ("HTML", _ENTITY),
    ("headings", re.compile(r"(?:\A|\s)#{1,6}\s")),
    ("Markdown", re.compile(r"[*_]|~~|==|(?:\A|\s)(?:---+|===+)(?:\s|\Z)")),
    ("a numbered list", re.compile(r"[.:;]\s\(?\d{1,2}[.)]\s+[A-Z]")),
    ("broken characters", re.compile("[\ufffd\ud800-\udfff\ue000-\uf8ff]")),
)


def readable(text: str) -> str:
    """The text with entities as characters, and without control sequences, invisible characters and pictograms."""
    text = _ENTITY.sub(lambda found: html.unescape(found[0]), text).replace("\r\n", "\n").replace("\u00a0", " ")
    return _PICTOGRAM.sub("", _INVISIBLE.sub("", unicodedata.normalize("NFC", text).translate(_SUBSCRIPTS)))


def plain_text(text: str) -> str:
    """The text without markup that only decorates it; its lines stay. What is more than decoration is left as it is.

    >>> plain_text("**LBBB** shows a QRS of $\\\\geq 120$ ms [1] in V<sub>1</sub> &gt; V2.")
    'LBBB shows a QRS of ≥120 ms in V1 > V2.'
    """
    text = readable(text)
    if (fenced := _FENCE.fullmatch(text)) and "```" not in fenced["inside"]:
        text = fenced["inside"]
    text = _DECORATION.sub(lambda tag: "\n" if tag["name"].lower() in _BLOCKS else "", _NOTE.sub("", without_latex(text)))
    text = _as_table(_RULE.sub("", _without_title(text)))
    text = _without_items(text)
    if len(_BOLD_LINE.findall(text)) < 2:
        text = re.sub(r"\*\*|__", "", text)
    text = re.sub(r"(?<!`)`(?!`)|~~(?!~)", "", text)
    text = _STARRED.sub(r"\1", _UNDERLINED.sub(r"\1", text))
    text = re.sub(r"\bV_([1-9])\b", r"V\1", text)
    return _CITATION.sub("", _LINK.sub(r"\1", text)).strip()


def markup(text: str) -> str | None:
    """What kind of markup an answer still holds, as "a table" or "HTML"; None without any."""
    return next((kind for kind, pattern in _LEFT if pattern.search(text)), None)


def _without_title(text: str) -> str:
    """Without its one heading. Several make a document, which is no description: they stay, and are found."""
    for pattern in (_HEADING, _BOLD_LINE):
        titles = list(pattern.finditer(text))
        if len(titles) == 1 and not titles[0][0].rstrip(" *_").endswith(":"):
            without = text[: titles[0].start()] + text[titles[0].end() :]
            text = without if without.strip() else text
    return text


def _as_table(text: str) -> str:
    """Columns that tabs set are a table as well, which white space alone would hide."""
    lines = text.splitlines()
    tabbed = sum("\t" in line.strip() for line in lines) > 1
    return "\n".join(line.strip().replace("\t", " | ") for line in lines) if tabbed else text


def _without_items(text: str) -> str:
    """Without list marks; an item that reads like a sentence gets the full stop that the list stood for."""
    lines: list[str] = []
    for line in text.splitlines():
        mark = _ITEM.match(line)
        item = line[mark.end() :] if mark else line
        is_item = bool(mark and mark[0].strip(" \t>"))
        lines.append(f"{item}." if is_item and re.fullmatch(r"\W*[A-Z].*[\w)°'’\"*]", item.strip()) else item)
    return "\n".join(lines)
