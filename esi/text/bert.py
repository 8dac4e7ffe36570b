"""A BERT and its tokenizer from the packaged model, a folder or a hub id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from esi.errors import EsiError
from esi.text.packaged import bert_source


def load_bert(setting: str, model: str) -> tuple[Any, Any]:
    """Tokenizer and model, the latter in evaluation mode. Torch is imported here and not before.

    Args:
        setting: the parameter that names the model, for the error.
        model: packaged, a folder or a hub id.

    Raises:
        EsiError: it cannot be loaded, or has weights that are not finite.
    """
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    source = bert_source(model)
    offline = Path(source).is_dir()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=offline)
        bert = AutoModel.from_pretrained(source, local_files_only=offline).eval()
    except Exception as error:  # OSError, ValueError or, from the tokenizers, `Exception` itself for the same faults
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EsiError(f"{setting} {model!r} cannot be loaded ({reason}): use packaged or a folder") from None
    if not all(part.isfinite().all() for part in bert.state_dict().values()):
        raise EsiError(f"{setting} {model!r} has weights that are not finite: it is damaged, fetch it again")
    return tokenizer, bert
