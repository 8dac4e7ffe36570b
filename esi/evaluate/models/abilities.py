"""What an exported model cannot do gives no figure, and the reason is said."""

from __future__ import annotations

from pathlib import Path

from esi.evaluate.models.registry import Ability
from esi.files import replacing_folder
from esi.model import export
from esi.model.config import Config, EcgConfig

_WITHOUT = {  # of a model that could have had it: the setting that it was trained with
    Ability.ZERO_SHOT: export.NO_SPACE,
    Ability.CAPTION: "the model has no decoder, for it was trained with train.lambda_cap 0",
}


def why_not(config: EcgConfig, ability: Ability) -> str | None:
    """Why a model cannot do something, in words that follow a colon; None where it can."""
    if ability in config.abilities:
        return None
    if isinstance(config, Config):
        return _WITHOUT[ability]
    return f"the model is a signal encoder alone, which {config.method} pretrained, and knows no texts"


def lacks(model: Path | str, ability: Ability, what: str, *outs: Path) -> bool:
    """Whether a model lacks an ability. It is then said, and the folders of a stage's outs are left empty.

    Args:
        model: folder of an export, or its id on the Hub. what: it gives no such figures.
    """
    reason = why_not(export.read_config(export.located(model)), ability)
    if reason:
        print(f"No {what}: {reason}.")
        for out in outs:
            with replacing_folder(out):
                pass
    return reason is not None
