"""Free text in Markdown: what a label, a reason or a setting says comes out as it is, never as markup."""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_HALF = re.compile("[\ud800-\udfff]")  # of a character: no file can hold it
_ENTITIES = {character: f"&#{ord(character)};" for character in "\\`*|~$"} | {"<": "&lt;", ">": "&gt;"}
_EDGE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # inside a word an underscore means nothing
_ENTITY = re.compile(r"&(?=#?\w+;)")
_LINK = re.compile(r"\](?=\s*[(\[:])")  # brackets alone mean nothing: no page defines a reference
_BLOCK = re.compile(r"^(?:[-+#=:]|\d{1,9}(?=[.)]))")  # what makes a line a list, a heading or a rule
_ADDRESS = re.compile(r"(?<=\w):(?=//)|(?<=\bwww)\.|(?<=\w)@(?=\w)")  # some renderers link them


def one_line(text: str) -> str:
    """A text without control characters, terminal sequences and line ends: for a table's cell, or the screen."""
    return " ".join(_HALF.sub("\ufffd", _UNSEEN.sub(" ", text)).split())


def escaped(text: str) -> str:
    """Markdown that shows a text as it is, on one line: in a paragraph, an item of a list or a table's cell.

    >>> escaped("<b>RBBB</b> | *old*")
    '&lt;b&gt;RBBB&lt;/b&gt; &#124; &#42;old&#42;'
    """
    plain = _ENTITY.sub("&amp;", one_line(text))
    plain = "".join(_ENTITIES.get(character, character) for character in _EDGE.sub("\x00", plain)).replace("\x00", "&#95;")
    plain = _LINK.sub("&#93;", plain)
    plain = _BLOCK.sub(lambda mark: "".join(f"&#{ord(character)};" for character in mark[0]), plain)
    return _ADDRESS.sub(lambda mark: f"&#{ord(mark[0])};", plain)


def code(text: str) -> str:
    """Markdown that shows a text as it is in the letters of a program.

    >>> code("NST_"), code("a|`b`")
    ('`NST_`', '<code>a&#124;&#96;b&#96;</code>')
    """
    plain = one_line(text)
    return f"`{plain}`" if plain and not set("`|\\") & set(plain) else f"<code>{escaped(plain)}</code>"
