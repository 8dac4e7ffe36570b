"""LaTeX that only sets a sign or a number: "$\\geq 120\\,\\text{ms}$" is "≥ 120 ms". Anything more stays as it is."""

from __future__ import annotations

import re

_SIGNS = {
    "geq": "≥", "ge": "≥", "geqslant": "≥", "gtrsim": "≳", "gt": ">", "leq": "≤", "le": "≤", "leqslant": "≤",
    "lesssim": "≲", "lt": "<", "neq": "≠", "pm": "±", "mp": "∓", "times": "×", "cdot": "·", "approx": "≈",
    "sim": "~", "simeq": "≈", "to": "→", "rightarrow": "→", "Rightarrow": "→", "longrightarrow": "→",
    "uparrow": "↑", "downarrow": "↓", "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "Delta": "Δ",
    "mu": "µ", "circ": "°", "degree": "°", "prime": "'", "quad": " ", "qquad": " ", "left": "", "right": "",
    "ldots": "...", "dots": "...", "displaystyle": "",
}  # fmt: skip
_ESCAPED = {",": " ", ";": " ", ":": " ", " ": " ", "!": "", "%": "%", "&": "&", "_": "_", "#": "#", "~": " ", "\\": " "}
_SETS_TEXT = r"text(?:bf|it|rm|sf|tt|normal)?|math(?:rm|bf|it|sf)|mbox|operatorname|emph|underline|boxed|bf|rm"
_MATH = re.compile(
    r"\$\$(?P<a>[^$]{1,1000})\$\$|\$(?P<b>[^$]{1,1000})\$|\\\((?P<c>(?:[^\\]|\\(?!\))){1,1000})\\\)"
    r"|\\\[(?P<d>(?:[^\\]|\\(?!\])){1,1000})\\\]"
)
_COMMAND = re.compile(r"\\([A-Za-z]+)(?![A-Za-z])[ ]?")
_ARGUMENT = re.compile(rf"\\(?:{_SETS_TEXT})[ ]?\{{([^{{}}]*)\}}")
_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}")
_ROUNDS = 5  # of nested arguments


def without_latex(text: str) -> str:
    """The text with its LaTeX as plain characters where each command is one of a sign, a space, or text in another face."""
    if "\\" not in text and "$" not in text:
        return text
    return _signs(_MATH.sub(_plain_math, _arguments(text)))


def _arguments(text: str) -> str:
    for _ in range(_ROUNDS):
        text, changed = _ARGUMENT.subn(r"\1", text)
        if not changed:
            break
    return text


def _signs(text: str) -> str:
    text = re.sub(r"\\([,;: !%&_#~\\])", lambda found: _ESCAPED[found[1]], text)
    return _COMMAND.sub(lambda found: _SIGNS.get(found[1], found[0]), text)


def _plain_math(found: re.Match[str]) -> str:
    inside = _signs(_FRACTION.sub(r"\1/\2", next(group for group in found.groups() if group is not None)))
    inside = re.sub(r"\^\s?\{?\s?([°'])\s?\}?", r"\1", inside)
    inside = re.sub(r"_\s?(?:\{([^{}]*)\}|(\w))", lambda low: low[1] or low[2], inside)
    inside = re.sub(r"\{([^{}]*)\}", r"\1", inside)
    return found[0] if re.search(r"[\\{}^_]", inside) else inside.strip()
