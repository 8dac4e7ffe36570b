"""What a cell says, whatever a spreadsheet has made of it: only what is certain is undone."""

from __future__ import annotations

import re
import unicodedata

_QUOTES = "'\"`´‘’‚‛“”„‟«»‹›"
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_DASHES = {ord(dash): "-" for dash in "‐‑‒–—−"}
_DECIMAL = re.compile(r"(\d+)[.,](0+)", re.ASCII)
_THOUSANDS = re.compile(r"\d{1,3}(?:(?P<mark>[.,' ’])\d{3})(?:(?P=mark)\d{3})+(?:[.,]0{1,2})?", re.ASCII)
_EXPONENT = re.compile(r"(\d+)(?:[.,](\d+))?e\+?(\d{1,2})", re.ASCII | re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)


def plain(text: str) -> str:
    """A cell without what surrounds its content: spaces of any kind, quotation marks, a text marker's apostrophe or ="...".

    Characters that only look otherwise (a full-width digit, a non-breaking hyphen) are the ordinary ones.
    """
    text = unicodedata.normalize("NFKC", text).translate(_INVISIBLE).translate(_DASHES)
    return text.strip().removeprefix("=").strip(f"{_QUOTES} ")


def whole(text: str) -> str | None:
    """The digits of a whole number, or None where the text is none for certain.

    426783006.0 and 4.26783006E8, 426,783,006 and 426.783.006,00 are 426783006; of 4.26783E+08 the digits are lost, and
    426,000 may be 426 or 426000.

    >>> whole("4.26783006E+08"), whole("4.26783E+08")
    ('426783006', None)
    """
    text = plain(text)
    if text.isdecimal() and text.isascii():
        return text
    if number := _DECIMAL.fullmatch(text):
        digits, zeros = number.groups()
        return None if len(zeros) == 3 and len(digits) <= 3 else digits
    if number := _THOUSANDS.fullmatch(text):
        mark = number["mark"]
        return "".join(part for part in text.split(mark)[:-1]) + text.split(mark)[-1][:3]
    if number := _EXPONENT.fullmatch(text):
        before, after, exponent = number[1], number[2] or "", int(number[3])
        if len(after) >= exponent and not after[exponent:].strip("0"):
            return before + after[:exponent]
    return None


def lost_digits(text: str) -> bool:
    """Whether it is a number whose last digits a spreadsheet has rounded away (4.26783E+08)."""
    return whole(text) is None and _EXPONENT.fullmatch(plain(text)) is not None


def number(text: str) -> float:
    """A number with a decimal point or comma.

    Raises:
        ValueError: it is none.
    """
    text = plain(text)
    return float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
