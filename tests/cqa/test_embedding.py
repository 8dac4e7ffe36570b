"""Sentence vectors, local and by endpoint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from esi.cqa.retrieve.embedding import encoder_of
from esi.errors import EsiError
from esi.settings.cqa import Embed
from esi.text.packaged import bert_source
from tests.cqa.fake_openai import fake_openai

ROOT = Path(__file__).parents[2]
TEXTS = ["sinus rhythm", "A much longer text on broad, notched R waves in leads I, aVL, V5 and V6.", "RBBB"]


def local(batch_size: int, model: str = "packaged") -> Embed:
    return Embed(provider="local", model=model, base_url=None, batch_size=batch_size)


def test_local_vectors_equal_mean_pooling_of_each_text_alone() -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    source = bert_source("packaged")
    tokenizer, bert = AutoTokenizer.from_pretrained(source), AutoModel.from_pretrained(source).eval()
    expected = []
    for text in TEXTS:
        with torch.inference_mode():
            mean = bert(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0).numpy()
        expected.append(mean / np.linalg.norm(mean))
    vectors = encoder_of(local(batch_size=2))(TEXTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, np.stack(expected), atol=2e-6)


def test_local_errors_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(EsiError, match=r"embed\.model .* cannot be loaded"):
        encoder_of(local(2, str(tmp_path)))(["x"])
    with pytest.raises(EsiError, match="has 602 tokens of the encoder, which reads 512: lower chunk.max_tokens"):
        encoder_of(local(2))(["wave " * 600])


Answer = tuple[int, dict[str, str], Any]


def answered(body: dict[str, Any], dimensions: int = 2) -> Answer:
    """A vector that tells the text's length, in the wrong order."""
    items = [
        {"object": "embedding", "index": number, "embedding": [float(len(text)), *[1.0] * (dimensions - 1)]}
        for number, text in enumerate(body["input"])
    ]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return 200, {}, {"object": "list", "model": "m", "data": items[::-1], "usage": usage}


def by_endpoint(base_url: str, model: str = "m") -> Embed:
    return Embed(provider="openai", model=model, base_url=base_url, batch_size=2)


@pytest.mark.usefixtures("own_cache")
def test_endpoint_vectors_are_matched_by_index_and_sent_in_batches() -> None:
    with fake_openai(lambda path, body: answered(body)) as server:
        vectors = encoder_of(by_endpoint(server.base_url))(["a", "bbb", "cc", "a"])
    expected = np.array([[1, 1], [3, 1], [2, 1], [1, 1]]) / np.sqrt([[2], [10], [5], [2]])
    np.testing.assert_allclose(vectors, expected, rtol=1e-6)
    assert [path for path, _, _ in server.requests] == ["/v1/embeddings"] * 2
    assert [body["input"] for _, _, body in server.requests] == [["a", "bbb"], ["cc"]]


@pytest.mark.usefixtures("own_cache")
def test_a_text_is_paid_for_once_by_model() -> None:
    with fake_openai(lambda path, body: answered(body)) as server:
        first = encoder_of(by_endpoint(server.base_url))(["a", "bbb"])
        again = encoder_of(by_endpoint(server.base_url))(["bbb", "a"])
        assert len(server.requests) == 1
        encoder_of(by_endpoint(server.base_url))(["a", "new", "bbb"])
        encoder_of(by_endpoint(server.base_url, "other"))(["a"])
    np.testing.assert_array_equal(first, again[::-1])
    assert [body["input"] for _, _, body in server.requests] == [["a", "bbb"], ["new"], ["a"]]


@pytest.mark.usefixtures("own_cache")
def test_a_run_that_broke_off_goes_on_where_it_was() -> None:
    def reply(path: str, body: dict[str, Any]) -> Answer:
        refused = broken and "cc" in body["input"]
        return (400, {}, {"error": {"message": "no such model"}}) if refused else answered(body)

    texts = ["a", "bbb", "cc", "dddd"]
    with fake_openai(reply) as server:
        broken = True
        with pytest.raises(EsiError, match="the embedding endpoint .* failed: .*no such model"):
            encoder_of(by_endpoint(server.base_url))(texts)
        broken = False
        assert len(encoder_of(by_endpoint(server.base_url))(texts)) == 4
    assert [body["input"] for _, _, body in server.requests] == [["a", "bbb"], ["cc", "dddd"], ["cc", "dddd"]]


@pytest.mark.usefixtures("own_cache")
def test_rate_limits_and_server_errors_are_tried_again() -> None:
    faults = [(429, {"retry-after-ms": "1"}, {}), (500, {"retry-after-ms": "1"}, {}), (503, {"retry-after-ms": "1"}, {})]

    def reply(path: str, body: dict[str, Any]) -> Answer:
        return faults.pop() if faults else answered(body)

    with fake_openai(reply) as server:
        assert encoder_of(by_endpoint(server.base_url))(["a"]).shape == (1, 2)
    assert len(server.requests) == 4


@pytest.mark.usefixtures("own_cache")
def test_what_an_endpoint_may_not_answer() -> None:
    def error(reply: Answer) -> str:
        with fake_openai(lambda path, body: reply) as server, pytest.raises(EsiError) as caught:
            encoder_of(by_endpoint(server.base_url))(["a", "bbb"])
        return str(caught.value)

    good = answered({"input": ["a", "bbb"]})[2]
    assert "gave 1 vectors for 2 texts" in error((200, {}, {**good, "data": good["data"][:1]}))
    zero = [{**item, "embedding": [0.0, 0.0]} for item in good["data"]]
    assert "zero or not finite" in error((200, {}, {**good, "data": zero}))
    uneven = [good["data"][0], {**good["data"][1], "embedding": [1.0, 2.0, 3.0]}]
    assert "vectors of 2 and of 3 dimensions" in error((200, {}, {**good, "data": uneven}))


@pytest.mark.usefixtures("own_cache")
def test_a_model_that_changed_its_dimensions_does_not_mix_with_the_cache() -> None:
    dimensions = 2
    with fake_openai(lambda path, body: answered(body, dimensions)) as server:
        encoder_of(by_endpoint(server.base_url))(["a"])
        dimensions = 3
        with pytest.raises(EsiError, match=r"vectors of 2 and of 3 dimensions for 'm'.*delete \.cache/embeddings"):
            encoder_of(by_endpoint(server.base_url))(["a", "new"])


@pytest.mark.usefixtures("own_cache")
def test_the_key_is_in_no_file_and_no_error(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-test")
    with fake_openai(lambda path, body: answered(body)) as server:
        encoder_of(by_endpoint(server.base_url))(["a"])
        assert server.requests[0][1]["authorization"] == "Bearer sk-secret-of-the-test"
    files = [path for path in own_cache.rglob("*") if path.is_file()]
    assert len(files) == 1
    assert b"sk-secret" not in b"".join(path.read_bytes() for path in files)
    with (
        fake_openai(lambda path, body: (401, {}, {"error": {"message": "bad key sk-secret-of-the-test"}})) as server,
        pytest.raises(EsiError) as caught,
    ):
        encoder_of(by_endpoint(server.base_url))(["b"])
    assert "sk-secret" not in str(caught.value)


def test_openai_without_a_key_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    settings = Embed(provider="openai", model="m", base_url=None, batch_size=2)
    with pytest.raises(EsiError, match=r"embed\.provider is openai and OPENAI_API_KEY is not set"):
        encoder_of(settings)(["a"])


def test_the_stage_describe_loads_no_torch_at_import() -> None:
    code = (
        "import sys, stages.describe; print([name for name in ('torch', 'transformers', 'openai') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
