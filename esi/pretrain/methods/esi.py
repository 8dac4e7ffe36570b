"""ESI (Yu, Guo and Sano, OpenReview giEbq8KhcF): ECGs against texts, by a contrastive and a captioning loss."""

from __future__ import annotations

from functools import partial

from esi.ecg.leads import LEADS
from esi.model.config import Config
from esi.model.ecg_model import EcgModel
from esi.model.esi import ESI
from esi.pretrain.batches import PairBatches, PairTensors
from esi.pretrain.known_texts import KnownTexts
from esi.pretrain.method import Method, Prepared
from esi.pretrain.objective import EsiObjective
from esi.pretrain.plan import Plan
from esi.pretrain.validate import validate
from esi.train.launch import Launch


class Esi(Method):
    """A loss of weight 0 has no part in the model, its batches and its objective."""

    def build(self, plan: Plan) -> ESI:
        train = plan.train
        config = Config(
            method=plan.method,
            signal=plan.signal,
            model=plan.model,
            leads=tuple(LEADS),
            max_tokens=plan.max_tokens,
            contrastive=train.lambda_con > 0,
            captions=train.lambda_cap > 0,
            trained_with=plan.trained_with(),
        )
        return ESI.fresh(config, train.seed, train.checkpoint_activations)

    def prepare(self, plan: Plan, model: EcgModel, launch: Launch) -> Prepared:
        assert isinstance(model, ESI)
        train, text = plan.train, model.text
        pairs = (plan.train_data, plan.validation_data)
        views = (train.text_views, train.text_views[:1])
        known = None
        if train.lambda_con and text.frozen:
            known = KnownTexts(list(zip(pairs, views, strict=True)), text, launch.bf16, launch.rank)
        tokens = train.lambda_cap > 0 or (train.lambda_con > 0 and not text.frozen)
        learnt = PairTensors(pairs[0], views[0], text, tokens, known, train.mask_leads, train.seed)
        watched = PairTensors(pairs[1], views[1], text, tokens, known)
        objective = EsiObjective(model, train, launch.bf16)
        return Prepared(
            objective,
            PairBatches(learnt, train, launch),
            validate=partial(validate, objective=objective, batches=watched, launch=launch),
            text=text,
            metrics=_logit_scale,
        )


def _logit_scale(model: EcgModel) -> dict[str, float]:
    return {"logit_scale": model.logit_scale.item()} if isinstance(model, ESI) and model.config.contrastive else {}
