"""Reasoning before an answer: removed where it is certain which part is the answer, otherwise reported.

Reasoning comes between tags (<think>, [THINK], <|channel|>analysis), under labels ("Reasoning: ... Final answer: ..."), or
as plain talk ("Okay, the user wants ..."). A chat template that opens the tag itself leaves the closing tag alone.
"""

from __future__ import annotations

import re

_KINDS = (
    r"(?:begin_of_|end_of_|start_|end_|seed:)?"
    r"(?:think|thinking|thoughts?|reasoning|reason|reflection|scratch_?pad|analysis|rationale|deliberation|planning|"
    r"chain[-_ ]of[-_ ]thought|cot|(?:inner|internal)[-_ ]?monologue)"
)
_LEFT, _RIGHT = r"(?:<\|?|\[|◁|＜)", r"(?:\|?>|\]|▷|＞)"
_TAG = re.compile(
    rf"{_LEFT}\s{{0,9}}(?P<close>/?)\s{{0,9}}(?P<name>{_KINDS})(?:\s[^<>\[\]◁▷\n]{{0,80}})?{_RIGHT}"
    r"|(?P<opens><\|channel\|?>\s{0,9}thought)|(?P<closes><channel\|>)",  # as Gemma writes it
    re.IGNORECASE,
)
_ANSWER_KINDS = (
    r"(?:begin_of_|start_|end_of_|end_)?(?:(?:final[-_ ])?(?:answer|response)|final|solution|output|description|result)"
)
_ANSWER_OPEN = re.compile(rf"{_LEFT}(?!/)(?!end_){_ANSWER_KINDS}{_RIGHT}", re.IGNORECASE)
_ANSWER_CLOSE = re.compile(rf"{_LEFT}(?:/|end_|(?=end_)){_ANSWER_KINDS}{_RIGHT}", re.IGNORECASE)
# OpenAI's harmony format, and what is left of it where a server has dropped its special tokens.
_FINAL_CHANNEL = re.compile(
    r"<\|channel\|>\s{0,9}final\b(?:\s{0,9}<\|constrain\|>\s{0,9}\w+)?\s{0,9}(?:<\|message\|>)?", re.IGNORECASE
)
_BARE_CHANNELS = re.compile(r"\s*analysis(?=\W|[A-Z])")
_BARE_FINAL = re.compile(r"assistant\s{0,9}final(?=\W|[A-Z])")
_TURN_START = re.compile(
    r"\s*(?:<s>|<bos>|<\|(?:im_start|start)\|>\s*assistant|<\|assistant\|>|<start_of_turn>\s*model|\[/INST\]|"
    r"<\|start_header_id\|>\s*assistant\s*<\|end_header_id\|>|(?:#{1,4} ?)?(?:assistant|response)\s*:)\s*",
    re.IGNORECASE,
)
_TURN_END = re.compile(
    r"<\|(?:im_end|endoftext|eot_id|end|return|end_of_text|end_of_turn|eos|im_start)\|>|</s>|<end_of_turn>|<eos>|\[INST\]"
)
_MARK = r"[ \t*_#>]{0,9}"
_AT = rf"(?:\A|\n|(?<=[.!?:])[ \t]){_MARK}"  # where a label may stand
_LABEL_END = rf"{_MARK}:{_MARK}"
_THOUGHT_LABEL = re.compile(
    rf"{_AT}(?:(?:my |step[- ]by[- ]step )?(?:reasoning|thoughts?|thinking|rationale|analysis)(?: process)?|"
    rf"chain of thought|"
    rf"explanation|scratch ?pad|let['’]?s think step by step|here (?:is|['’]s) my (?:thought process|"
    rf"reasoning)){_LABEL_END}",
    re.IGNORECASE,
)
_ANSWER_LABEL = re.compile(
    rf"{_AT}(?:(?:the |my |so the |here (?:is|['’]s) (?:my|the) )?(?:final |revised |corrected )?"
    rf"(?:answer|description|response|output)){_LABEL_END}",
    re.IGNORECASE,
)
_QUESTION_LABEL = re.compile(rf"{_AT}(?:question|q){_LABEL_END}", re.IGNORECASE)
# Plain talk about the task. "I" is a lead as well: it is a person only before such verbs, at a sentence's beginning.
_ALOUD = re.compile(
    r"\b(?:the user|let me|let['’]s|hmm+|i['’](?:m|ll|ve|d)|we (?:need|should|have|must|are asked) to|we['’](?:re|ll|ve)|"
    r"need to (?:answer|describe|write|produce|mention|respond|craft)|the (?:question|prompt|task|instructions?|"
    r"system prompt)|"
    r"(?:two|three|four|2|3|4)(?:[- ]to[- ]|[-–])?(?:four|4)? (?:plain )?sentences)\b"
    r"|(?:\A|[.!?:,;]\s)(?:(?:okay|ok|so|alright|wait|first|now|well|actually),? )*(?:i|we) "
    r"(?:need|should|will|would|must|think|want|recall|remember|know|can|could|believe|guess|hope|am|apologi[sz]e)\b"
    r"|(?:\A|[.!?]\s)(?:okay|ok|alright|wait|hmm|actually),",
    re.IGNORECASE,
)


def final_answer(text: str) -> str:
    """The answer without the reasoning before it, where it is certain which part that is; otherwise the text as it is.

    >>> final_answer("It asks for V1. </think> The QRS complex is wide.")
    'The QRS complex is wide.'
    """
    for cut in (_without_channels, _without_turns, _without_thoughts, _inside_answer_tags, _after_labels):
        text = cut(text).strip()
    return text


def reasoning(text: str) -> str | None:
    """The first words of a text that are reasoning or its markup; None without any."""
    matches = [
        pattern.search(text) for pattern in (_TAG, _ANSWER_OPEN, _ANSWER_CLOSE, _THOUGHT_LABEL, _QUESTION_LABEL, _ALOUD)
    ]
    first = min((match for match in matches if match), key=lambda match: match.start(), default=None)
    if first:
        return first[0].strip(" .,;:!?\n") or first[0]
    return "<|" if "<|" in text or "|>" in text else None


def _without_channels(text: str) -> str:
    finals = list(_FINAL_CHANNEL.finditer(text))
    if finals:
        return text[finals[-1].end() :]
    if _BARE_CHANNELS.match(text) and (bare := list(_BARE_FINAL.finditer(text))):
        return text[bare[-1].end() :]
    return text


def _without_turns(text: str) -> str:
    while start := _TURN_START.match(text):
        text = text[start.end() :]
    end = _TURN_END.search(text)
    return text[: end.start()] if end and text[: end.start()].strip() else text


def _without_thoughts(text: str) -> str:
    """What stands outside the tags, if it is one piece; what follows a closing tag that nothing opened."""
    pieces: list[str] = []
    start, is_open = 0, False
    for tag in _TAG.finditer(text):
        closes = bool(tag["close"] or tag["closes"]) or (tag["name"] or "").lower().startswith("end_")
        if closes and not is_open:
            pieces = []  # all of it was thought
        elif not closes and not is_open:
            pieces.append(text[start : tag.start()])
        start, is_open = tag.end(), not closes
    if is_open or start == 0:
        return text
    said = [piece for piece in [*pieces, text[start:]] if piece.strip()]
    return said[0] if len(said) == 1 else text


def _inside_answer_tags(text: str) -> str:
    opened, closed = list(_ANSWER_OPEN.finditer(text)), list(_ANSWER_CLOSE.finditer(text))
    if len(opened) > 1 or len(closed) > 1 or _TAG.search(text):
        return text
    start = opened[0].end() if opened else 0
    end = closed[0].start() if closed else len(text)
    return text[start:end] if text[start:end].strip() else text


def _after_labels(text: str) -> str:
    labels = list(_ANSWER_LABEL.finditer(text))
    if not labels or _TAG.search(text):
        return text
    before, after = text[: labels[-1].start()], text[labels[-1].end() :]
    questions = len(_QUESTION_LABEL.findall(before)) + len(_QUESTION_LABEL.findall(after))
    asked = _QUESTION_LABEL.match(text) is not None and questions == 1  # "Question: ... Answer: ...", and nothing more
    if (questions and not asked) or not after.strip():
        return text  # a model that goes on with questions of its own
    return after
