"""What is no description is not stored as one: reasoning, talk, markup, other languages, other conditions.

Good answers are in answers/good.txt; here they are dressed up as models dress them, and must come out as they were.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from esi.cqa.check import language
from esi.cqa.check.answers import fault, tidy
from esi.cqa.check.chatter import chatter
from esi.cqa.check.final_answer import final_answer, reasoning
from esi.cqa.check.language import foreign
from esi.cqa.check.latex import without_latex
from esi.cqa.check.markup import markup, plain_text
from esi.cqa.check.topic import other_topic
from esi.cqa.sentences import split_sentences
from tests.conftest import ROOT
from tools.handbook import entries_of, findings, read_entries


def corpus(name: str) -> list[tuple[str, str]]:
    lines = (Path(__file__).parent / "answers" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [(key, text) for key, text in (line.split(" | ") for line in lines if not line.startswith("#"))]


GOOD = corpus("good")
LBBB = (
    "Left bundle branch block shows a QRS duration of 120 ms or more with broad, notched R waves in I, aVL, V5 and V6. "
    "Septal q waves are absent in these leads."
)
LOWER = LBBB[0].lower() + LBBB[1:]
STATEMENT = "left bundle branch block"


def verdict(said: str, statement: str = STATEMENT) -> str | None:
    return fault(tidy(said, "stop"), statement, [], "stop")


@pytest.mark.parametrize(("statement", "answer"), GOOD)
def test_a_good_answer_passes_every_check_as_it_is(statement: str, answer: str) -> None:
    assert tidy(answer, "stop") == answer
    checks = {"reasoning": reasoning, "language": foreign, "markup": markup, "chatter": chatter}
    assert {name: found for name, check in checks.items() if (found := check(answer)) is not None} == {}
    assert other_topic(answer, statement, []) is None
    assert fault(answer, statement, [], "stop") is None


CUT = {
    "paired tags": f"<think>The user wants LBBB.\nQRS wide.</think>\n\n{LBBB}",
    "the closing tag alone": f"Okay, LBBB. Let me write.\n</think>\n\n{LBBB}",
    "thinking": f"<thinking>hmm</thinking>{LBBB}",
    "reasoning": f"<reasoning>\nx\n</reasoning>\n{LBBB}",
    "Mistral's": f"[THINK]a b c[/THINK]{LBBB}",
    "escaped": f"&lt;think&gt;x&lt;/think&gt; {LBBB}",
    "upper case": f"<THINK>x</THINK>{LBBB}",
    "spaces": f"< think >x</ think >{LBBB}",
    "twice": f"<think>a</think><think>b</think>{LBBB}",
    "nested": f"<think>a<think>b</think></think>{LBBB}",
    "a check afterwards": f"<think>a</think>{LBBB}<think>All is said.</think>",
    "harmony": f"<|channel|>analysis<|message|>x<|end|><|start|>assistant<|channel|>final<|message|>{LBBB}<|return|>",
    "harmony without messages": f"<|channel|>analysis We need LBBB. <|channel|>final {LBBB}",
    "harmony without tokens": f"analysisWe need to answer.assistantfinal{LBBB}",
    "Gemma's": f"<|channel>thought\nx<channel|>{LBBB}",
    "Kimi's": f"◁think▷x◁/think▷{LBBB}",
    "Cohere's": f"<|START_THINKING|>x<|END_THINKING|><|START_RESPONSE|>{LBBB}<|END_RESPONSE|>",
    "Seed's": f"<seed:think>x</seed:think>{LBBB}",
    "solution": f"<|begin_of_thought|>x<|end_of_thought|><|begin_of_solution|>{LBBB}<|end_of_solution|>",
    "answer tags": f"<think>x</think><answer>{LBBB}</answer>",
    "labels": f"Reasoning: LBBB delays the left ventricle.\nFinal answer: {LBBB}",
    "bold labels": f"**Reasoning:** x.\n\n**Final Answer:** {LBBB}",
    "labels on a line": f"Thought: it is LBBB. Answer: {LBBB}",
    "end of turn": f"{LBBB}<|im_end|>",
    "end of sequence": f"{LBBB}</s>",
    "the next turn": f"<|im_start|>assistant\n{LBBB}<|im_end|>\n<|im_start|>user\nmore?",
    "the question": f"Question: How is left bundle branch block reflected in a 12-lead ECG?\nAnswer: {LBBB}",
    "sure": f"Sure! {LBBB}",
    "certainly, a line": f"Certainly! Here is a description of left bundle branch block in a 12-lead ECG:\n\n{LBBB}",
    "here's how": f"Here's how left bundle branch block is reflected in a 12-lead ECG: {LBBB}",
    "here is, a sentence": f"Here is a description of LBBB on the ECG. {LBBB}",
    "answer label": f"**Answer:** {LBBB}",
    "based on": f"Based on the provided passages, {LOWER}",
    "according to": f"According to passage 1, {LOWER}",
    "a passage states": f"Passage 1 states that {LOWER}",
    "let me know": f"{LBBB} Let me know if you need more details!",
    "hope": f"{LBBB}\n\nI hope this helps!",
    "as an AI": f"{LBBB} As an AI, I cannot give medical advice.",
    "note": f"{LBBB}\n\nNote: This description is for educational purposes only.",
    "consult": f"{LBBB} Please consult a cardiologist.",
    "a question back": f"{LBBB}\n\nWould you like to know more about LBBB?",
    "both ends": f"Sure, here is the revised answer:\n{LBBB}\nFeel free to ask!",
    "quotation marks": f'"{LBBB}"',
    "pictogram": f"{LBBB} \U0001f60a",
    "bold": LBBB.replace("QRS duration", "**QRS duration**"),
    "italics": LBBB.replace("notched", "*notched*").replace("absent", "_absent_"),
    "a heading": f"# Left bundle branch block\n\n{LBBB}",
    "an underlined heading": f"LBBB\n====\n{LBBB}",
    "a bold heading": f"**Left bundle branch block**\n\n{LBBB}",
    "a list of sentences": "\n".join(f"- {sentence.removesuffix('.')}" for sentence in split_sentences(LBBB)),
    "citations": LBBB.replace(".", " [1][2]."),
    "citations in one": LBBB.replace(".", " [1, 2]."),
    "OpenAI's citations": LBBB.replace(".", "【1†source】."),
    "passage in brackets": LBBB.replace(".", " (passage 1)."),
    "see passages": LBBB.replace(".", " (see passages 1 and 2)."),
    "source in brackets": LBBB.replace(".", " (Source: [1])."),
    "a footnote": LBBB.replace(".", ".[^1]"),
    "superscripts": LBBB.replace(".", ".¹"),
    "superscripts in HTML": LBBB.replace(".", ".<sup>1</sup>"),
    "a paragraph": f"<p>{LBBB}</p>",
    "HTML": LBBB.replace("QRS duration", "<b>QRS duration</b>").replace("V5", "V<sub>5</sub>").replace(". ", ".<br/>"),
    "entities": LBBB.replace("120 ms", "120&nbsp;ms").replace(" and V6", " &#97;nd V6"),
    "a fence": f"```text\n{LBBB}\n```",
    "a link": LBBB.replace("QRS duration", "[QRS duration](https://example.org/qrs)"),
    "code": LBBB.replace("aVL", "`aVL`"),
    "JSON": json.dumps({"description": LBBB}),
    "fenced JSON": f"```json\n{json.dumps({'description': LBBB}, indent=1)}\n```",
    "JSON and talk": f"Here is the JSON:\n```json\n{json.dumps({'description': LBBB})}\n```\nLet me know!",
    "reasoning and JSON": f'<think>{{"a": 1}}</think>{json.dumps({"description": LBBB})}',
    "reasoning in JSON": json.dumps({"description": f"<think>x</think>{LBBB}"}),
    "mathematics": LBBB.replace("120 ms", "$120$ ms").replace("V5", "$V_5$"),
    "LaTeX": LBBB.replace("120 ms", "\\(120\\,\\text{ms}\\)"),
    "a box": "\\boxed{" + LBBB + "}",
    "colours": f"\x1b[1m{LBBB}\x1b[0m",
    "invisible characters": LBBB.replace("QRS", "Q\u200bRS"),
}


@pytest.mark.parametrize("said", CUT.values(), ids=CUT)
def test_what_surely_is_no_part_of_the_answer_is_cut_off(said: str) -> None:
    assert tidy(said, "stop") == LBBB
    assert verdict(said) is None


_BEFORE = [
    "",
    "<think>The user asks. Let me think.</think>\n",
    "I see, it is a block.</think>",
    "Sure! ",
    "Here is the description:\n",
]
_AFTER = [
    "",
    "\n\nLet me know if you have questions.",
    " I hope this helps!",
    "<|im_end|>",
    " As an AI, I give no medical advice.",
]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(GOOD), st.sampled_from(_BEFORE), st.sampled_from(_AFTER), st.booleans(), st.booleans())
def test_dress_on_any_good_answer_comes_off(
    pair: tuple[str, str], before: str, after: str, cited: bool, fenced: bool
) -> None:
    statement, answer = pair
    said = before + (f"{answer[:-1]} [1]." if cited else answer) + after
    if fenced:
        said = f"```json\n{json.dumps({'description': said})}\n```"
    assert tidy(said, "stop") == answer
    assert verdict(said, statement) is None


REFUSED = {
    "reasoning without an end": (f"<think>The user wants LBBB. {LBBB}", "reasoning"),
    "reasoning alone": (f"<think>{LBBB}</think>", "reasoning"),
    "reasoning once more": (f"{LBBB}<think>more", "reasoning"),
    "an answer in two pieces": (f"{LBBB}<think>x</think>{LBBB.replace('broad', 'narrow')}", "reasoning"),
    "analysis without a final": (f"<|channel|>analysis<|message|>{LBBB}", "reasoning"),
    "thinking aloud": (f"Okay, the user wants to know about LBBB. {LBBB}", "reasoning"),
    "we need": (f"We need to describe left bundle branch block. {LBBB}", "reasoning"),
    "let me think": (f"Let me think. {LBBB}", "reasoning"),
    "step by step": (f"Let's think step by step. {LBBB}", "reasoning"),
    "a label without an answer": (f"Reasoning: {LBBB}", "reasoning"),
    "a person": (f"{LBBB} I should mention the QRS complex.", "reasoning"),
    "a question of its own": (
        f"{LBBB}\n\nQuestion: How is RBBB seen?\nAnswer: The QRS is wide with rsR' in V1.",
        "reasoning",
    ),
    "a table": (f"{LBBB}\n\n| Lead | Finding |\n|:--|:--|\n| V1 | rS |", "a table"),
    "columns": ("Lead\tFinding in left bundle branch block\nV1\trS complex, wide QRS\nV6\tbroad R wave, notched", "a table"),
    "a table in HTML": (f"<table><tr><td>{LBBB}</td></tr></table>", "HTML"),
    "a picture": (f"{LBBB} <img src=x onerror=alert(1)>", "HTML"),
    "a script": (f"<script>x</script>{LBBB}", "HTML"),
    "headings": (f"## Definition\nLBBB is a block.\n## ECG\n{LBBB}\n## Treatment\nPacing.", "headings"),
    "bold headings": (f"**Definition**\n\nLBBB is a block.\n\n**ECG**\n\n{LBBB}", "Markdown"),
    "a program": (f"{LBBB}\n```python\nprint(1)\n```", "code"),
    "an address": (f"{LBBB} See https://example.org.", "a link"),
    "an equation": (f"{LBBB} \\begin{{equation}} QRS > 120 \\end{{equation}}", "LaTeX"),
    "a sum": (f"{LBBB} The $\\sum_{{i}} x_i^2$ rises.", "LaTeX"),
    "other JSON": (json.dumps({"text": LBBB}), "code"),
    "a list in a line": (
        "Left bundle branch block shows: 1. Wide QRS of 120 ms. 2. Broad R waves in V5 and V6.",
        "a numbered list",
    ),
    "a lost character": (LBBB.replace("QRS", "Q\ufffdRS"), "broken characters"),
    "half a character": (LBBB.replace("QRS", "Q\ud83dRS"), "broken characters"),
    "passages": (f"{LBBB} The passages describe this well.", "spoke to somebody"),
    "a closing inside": (f"{LBBB} Feel free to ask. The axis is often left.", "spoke to somebody"),
}


@pytest.mark.parametrize(("said", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_may_be_part_of_the_answer_is_refused_with_the_reason(said: str, reason: str) -> None:
    assert reason in (verdict(said) or "")


FOREIGN = dict(corpus("foreign"))


@pytest.mark.parametrize("said", FOREIGN.values(), ids=FOREIGN)
def test_another_language_is_refused(said: str) -> None:
    assert foreign(said) is not None
    assert "English" in (fault(tidy(said, "stop"), STATEMENT, [], "stop") or "")


@pytest.mark.parametrize(
    "text",
    [
        "Torsades de pointes, the Wenckebach pattern, the de Winter sign and the Ashman phenomenon are seen in V1 to V6.",
        "Lown-Ganong-Levine, Jervell and Lange-Nielsen, Romano-Ward and other patterns change the PR or QT interval.",
        "P mitrale is a broad P wave in II and P pulmonale a tall one; a forme fruste shows neither de novo nor per se.",
        "Wide QRS > 0.12 s, broad notched R waves I, aVL, V5-V6, no septal q waves, discordant T.",
        "Sjögren, Ménière, Löffler and Röntgen gave their names to other things; Δ waves, α and β and µV are signs.",
    ],
)
def test_names_and_signs_are_no_other_language(text: str) -> None:
    assert foreign(text) is None


def test_without_a_handbook_english_is_still_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "words", frozenset)
    assert foreign("Discordant repolarisation abnormalities accompany delayed intrinsicoid deflections laterally.") is None
    assert foreign("Die Herzfrequenz ist bei diesem Patienten nicht regelmäßig und die P-Welle fehlt.") is not None


def test_lists_of_english_names_are_english_and_plain() -> None:
    path = ROOT.parent / "shared" / "real" / "reference" / "merl_ckepe_prompts.json"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    prompts = {code: text for code, text in json.loads(path.read_text()).items() if "Let me know" not in text}
    assert len(prompts) > 120
    found = {code: (words, kind) for code, text in prompts.items() if (words := foreign(text)) or (kind := markup(text))}
    assert found == {}


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("R<S in V1 and S>R in V6, PR <0.12 s, QRS >120 ms", None),
        ("leads [V1-V3], [I, aVL] and [-30°]; R/S = 1; T ± 0.1 mV; ~0.12 s", None),
        ("QRS $\\geq 120\\,\\mathrm{ms}$, axis $-30^{\\circ}$, $V_{1}$", "QRS ≥120 ms, axis -30°, V1"),
        ("ST &lt; 0.1 mV &amp; QRS &ge; 120 ms", "ST < 0.1 mV & QRS ≥ 120 ms"),
    ],
)
def test_comparisons_and_brackets_are_no_markup(said: str, plain: str | None) -> None:
    assert plain_text(said) == (plain or said)
    assert markup(plain_text(said)) is None


WILD = st.text(
    st.sampled_from(list("<>[]{}()|*_#`~$\\^&;:/!-+.0123 \n\tIVQRSaeth'\"【】†é导")) | st.characters(), max_size=80
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(WILD, WILD)
@example("<think>", "</answer>")
def test_any_text_ends_in_a_verdict_and_nothing_accepted_has_markup(before: str, after: str) -> None:
    text = tidy(f"{before}{LBBB}{after}", "stop")
    if fault(text, STATEMENT, [], "stop") is None:
        assert not set("|*_`{}\\$^【】†\n\t") & set(text)
        assert "<think" not in text
        assert text.encode("utf-8").decode("utf-8") == text
    assert isinstance(without_latex(before), str)
    assert isinstance(final_answer(before + after), str)


@pytest.fixture(scope="module")
def handbook() -> dict[str, str]:
    """Three sentences of criteria of every entry that describes a finding of the project's tables."""
    entries = {entry.name: entry for entry in read_entries(ROOT / "data" / "textbooks")}
    named = {name: found[0] for name in findings(ROOT / "data") if (found := entries_of(name, list(entries.values())))}
    return {name: " ".join(split_sentences(entries[entry].parts["ECG criteria"])[:3]) for name, entry in named.items()}


def test_the_handbooks_own_descriptions_are_on_their_topic(handbook: dict[str, str]) -> None:
    assert len(handbook) > 200
    assert {name: other for name, text in handbook.items() if (other := other_topic(text, name, []))} == {}


def test_descriptions_under_another_condition_are_refused(handbook: dict[str, str]) -> None:
    """Every description under the statement that is 7 and 100 further on; kinds of one condition are no other."""
    names = list(handbook)
    tried = refused = 0
    for place, step in product(range(len(names)), (7, 100)):
        statement, other = names[place], names[(place + step) % len(names)]
        if handbook[statement] != handbook[other]:
            tried += 1
            refused += fault(handbook[other], statement, [], "stop") is not None
    assert tried > 500
    assert refused / tried > 0.97


def test_good_answers_under_another_condition_are_refused() -> None:
    far = [("LVH", "LBBB"), ("atrial fibrillation", "atrial flutter"), ("long QT interval", "inferior ischemia")]
    answers = dict(GOOD)
    assert all(fault(answers[other], statement, [], "stop") is not None for statement, other in far)
    pairs = [(one, other) for place, (one, _) in enumerate(GOOD) for other, _ in GOOD[place % 9 :: 9] if one != other]
    refused = sum(fault(answers[other], statement, [], "stop") is not None for statement, other in pairs)
    assert len(pairs) > 500
    assert refused / len(pairs) > 0.95
