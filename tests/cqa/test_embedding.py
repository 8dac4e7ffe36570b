"""Sentence vectors, local and by endpoint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from esi.cqa.embedding import encoder_of
from esi.errors import EsiError
from esi.packaged import bert_source
from esi.params import Embed
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


def test_endpoint_vectors_are_matched_by_index_and_sent_in_batches() -> None:
    def reply(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        assert path == "/v1/embeddings"
        items = [{"object": "embedding", "index": i, "embedding": [len(text), 1.0]} for i, text in enumerate(body["input"])]
        return (
            200,
            {},
            {"object": "list", "model": "m", "data": items[::-1], "usage": {"prompt_tokens": 1, "total_tokens": 1}},
        )

    with fake_openai(reply) as server:
        settings = Embed(provider="openai", model="m", base_url=server.base_url, batch_size=2)
        vectors = encoder_of(settings)(["a", "bbb", "cc"])
    expected = np.array([[1, 1], [3, 1], [2, 1]]) / np.sqrt([[2], [10], [5]])
    np.testing.assert_allclose(vectors, expected, rtol=1e-6)
    assert [body["input"] for _, _, body in server.requests] == [["a", "bbb"], ["cc"]]


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
