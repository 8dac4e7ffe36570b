"""What a pretraining method is: a model to export, and the batches, the objective and the validation that train it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from esi.model.ecg_model import EcgModel
from esi.pretrain.plan import Plan
from esi.settings.learning import Train
from esi.train.batches import Batches
from esi.train.launch import Launch
from esi.train.loop import Validate
from esi.train.objective import Objective


@dataclass(frozen=True)
class Prepared:
    """What the training loop needs of a method.

    Attributes:
        objective: around the model that is exported, its `model`; what else it has is dropped at the end.
        batches: of the training pairs.
        validate: figures of the validation pairs at the end of an epoch, {} where there are none; None: never.
        text: the part of the model that learns at `train.text_lr_factor` of the rate.
        metrics: further figures of the trained model.
    """

    objective: Objective
    batches: Batches
    validate: Validate | None = None
    text: nn.Module | None = None
    metrics: Callable[[EcgModel], dict[str, float]] = lambda model: {}


class Method(ABC):
    """One way to pretrain. All three are called in this order, `plan.train` being what `settings` gave from then on."""

    def settings(self, plan: Plan) -> Train:
        """The settings of training: those of `train`, or with the method's own in place of some."""
        return plan.train

    @abstractmethod
    def build(self, plan: Plan) -> EcgModel:
        """A fresh model by `plan.train.seed`; `train.start_from` gives it other weights afterwards."""

    @abstractmethod
    def prepare(self, plan: Plan, model: EcgModel, launch: Launch) -> Prepared:
        """Batches and objective of a built model, which is on the launch's device. What it draws, it draws by
        `plan.train.seed`: PyTorch's generator is set to it.
        """
