"""Words of a model to its reader: "Sure! Here is a description ...", "Let me know if ...", "According to passage 1"."""

from __future__ import annotations

import re

from esi.cqa.sentences import split_sentences

_SOURCE = (
    r"(?:the |these |this |your |both )?(?:provided |given |above |supplied |retrieved |first |second )*"
    r"(?:passages?|texts?|context|excerpts?|documents?|sources?|information|references?)"
    r"(?: (?:provided|given|above|supplied))?(?:,? (?:and |&)?[\[(]?\d{1,2}[\])]?){0,5}"
)
_INTERJECTION = re.compile(
    r"(?:sure(?: thing)?|certainly|of course|absolutely|definitely|great question|good question|great|okay|ok|alright|yes|"
    r"understood|got it|no problem|hello(?: there)?|hi(?: there)?|thank you(?: for [^.!\n]{0,80})?|thanks(?: "
    r"for [^.!\n]{0,80})?|"
    r"(?:my |i )?apolog(?:ies|i[sz]e)(?: for [^.!\n]{0,80})?|(?:i['’]m |i am )?sorry for [^.!,\n]{0,80}|you(?: "
    r"a|['’])re right)"
    r"\s{0,3}[!.,:–—-]+\s*",
    re.IGNORECASE,
)
_ANNOUNCED = r"description|answer|summary|explanation|overview|response|version|how|interpretation|paragraph|sentences|json"
_ANNOUNCEMENT = re.compile(
    rf"(?:here(?:['’]s| is| are)|below (?:is|are)|the following (?:is|are)|this is|i (?:will|would) (?:now )?|please find|"
    rf"(?:the|my|a) (?:revised|corrected|updated|improved|short|brief|concise))\b[^:\n]{{0,160}}?"
    rf"(?:\b(?:{_ANNOUNCED})\b|(?<=\b(?:revised|updated)))[^:\n]{{0,160}}:\s*",
    re.IGNORECASE,
)
_ANNOUNCING_SENTENCE = re.compile(
    rf"(?:here(?:['’]s| is| are)|below (?:is|are)|the following (?:is|are)|this is)\b[^:.!\n]{{0,80}}\b(?:{_ANNOUNCED})\b"
    rf"[^:.!\n]{{0,120}}[.!]\s+",
    re.IGNORECASE,
)
_LABEL = re.compile(r"(?:ecg )?(?:answer|description|response|output)\s?:\s*", re.IGNORECASE)
_ATTRIBUTION = re.compile(
    rf"(?:(?:based|relying|drawing) on|according to|as (?:described|stated|mentioned|noted|explained|outlined) "
    rf"(?:in|by)|from|"
    rf"as per|per|given|using) {_SOURCE}\s?(?:,|:)\s*(?:(?:we can (?:see|say)|it can be said|it is (?:clear|stated)) that )?"
    rf"|{_SOURCE} (?:states?|describes?|says?|mentions?|notes?|explains?|indicates?) that ",
    re.IGNORECASE,
)
_OPENINGS = (_INTERJECTION, _ANNOUNCEMENT, _ANNOUNCING_SENTENCE, _LABEL, _ATTRIBUTION)
_CLOSING = re.compile(
    r"(?:[^\w]*)(?:let me know|(?:i )?hope (?:this|that|it)|feel free|please\b|if you (?:have|need|would|want|"
    r"['’]d|are)|is there|"
    r"do you (?:have|want|need)|would you|would it|can i|shall i|i (?:can|could|would be|am happy)|(?:i['’]m|"
    r"i['’]d) happy|happy to|"
    r"should you (?:have|need)|"
    r"note: ?(?:this|the (?:above|description|information|passages?)|i\b)|note that (?:this (?:is|answer|"
    r"description|information)|i\b)|"
    r"disclaimer|(?:this|the above) (?:answer|description|information|response|summary|text|explanation) (?:is "
    r"(?:for|intended|meant|not|based|general|only|"
    r"provided)|should|does|was|may|can)\b|remember|as an ai\b|"
    r"as a (?:large )?language model|always consult|consult|for (?:more|further|additional) (?:information|"
    r"details|reading)|thank|"
    r"have a (?:nice|great|good)|good luck|(?:it is|it['’]s) (?:always )?(?:important|advisable|recommended|"
    r"essential|best) to "
    r"(?:note|consult|remember|seek|consider|correlate|interpret)|clinical correlation|a (?:doctor|physician|cardiologist|"
    r"healthcare|qualified|medical)|the diagnosis should|in case of doubt|(?:sources?|references?|"
    r"citations?)\s?:|word count)",
    re.IGNORECASE,
)
_ANYWHERE = re.compile(
    r"\b(?:let me know|feel free|i hope|hope this helps?|happy to help|as an ai\b|language model|would you like|"
    r"do you (?:want|need)|"
    r"your (?:question|request)|you (?:asked|provided|mentioned|requested)|here(?:['’]s| is) (?:a|the|an|my|your|how)|"
    r"medical advice|consult (?:a|an|your)|(?:healthcare|medical) (?:professional|provider)|clinical correlation|"
    r"passages? \(?\[?\d|(?:the|these|this|provided|given|both|above|first|second) (?:passages?|excerpts?|documents?)\b"
    r"(?! (?:of|through))|"
    r"(?:provided|given|supplied) (?:texts?|context|information)|(?:the|this) (?:above )?(?:description|"
    r"response)s? (?:is|above|was|"
    r"describes|covers|focuses|provides|should))\b|(?:\A|[.!?]\s)(?:sure|certainly|of course|absolutely|"
    r"disclaimer|note)\s?[!:]",
    re.IGNORECASE,
)


def without_chatter(text: str) -> str:
    """The text without what opens and closes a talk, where that is a sentence, a line or a phrase of its own.

    What is left begins with a capital letter where something was cut off before it, except before a name such as "rSR'".

    >>> without_chatter("Sure! Here is the description: the PR interval is long. Let me know if you need more.")
    'The PR interval is long.'
    """
    start = text.lstrip('"“” \n')
    cut = False
    while opening := next((found for pattern in _OPENINGS if (found := pattern.match(start))), None):
        if not (rest := start[opening.end() :].strip()):
            break
        start, cut = rest, True
    if cut:
        text = start[:1].upper() + start[1:] if re.match(r"[a-z]{2,}\b|a ", start) else start
    sentences = split_sentences(re.sub(r"\n(?=[A-Z])", "\n\n", text))
    while len(sentences) > 1 and (_CLOSING.match(sentences[-1]) or sentences[-1].endswith("?")):
        sentences.pop()
        cut = True
    plain = "\n\n".join(sentences) if cut else text
    return _unquoted(plain)


def chatter(text: str) -> str | None:
    """The first words of a text that speak to somebody or of the passages; None without any."""
    if found := _ANYWHERE.search(text):
        return found[0].strip(" .,;:!?\n")
    sentences = split_sentences(text)
    for sentence in sentences:
        if sentence.endswith("?") or (len(sentences) > 1 and _CLOSING.match(sentence)):
            return " ".join(sentence.split()[:6])
    return None


def _unquoted(text: str) -> str:
    text = text.strip()
    for left, right in ('""', "“”", "«»"):
        inner = text[1:-1]
        if len(text) > 2 and text[0] == left and text[-1] == right and left not in inner and right not in inner:
            return inner.strip()
    return text
