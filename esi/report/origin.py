"""The run in a few lines: its model, its data, and whether its ECGs are simulated."""

from __future__ import annotations

from esi.params import Params
from esi.report.inputs import Inputs
from esi.report.table import plain
from esi.settings.section import Section


def is_simulated(params: Params, dataset: str) -> bool:
    """Whether a data set lies in the simulation's folder, whatever its name and format say."""
    return params.ingest[dataset].root.resolve().is_relative_to(params.simulate.folder.resolve())


def simulated_sets(params: Params) -> list[str]:
    """The data sets of this run that are simulated, in the order of params.yaml."""
    return [name for name in params.ingest if is_simulated(params, name)]


def facts(params: Params, inputs: Inputs) -> list[tuple[str, str]]:
    """The run in short: pairs of a name and its value."""
    pairs, model = inputs.numbers("pairs"), inputs.numbers("pretrain")
    size = model.get("parameters_signal_encoder")
    descriptions = "with descriptions" if params.pairs.descriptions else "without descriptions"
    shuffled = f", {params.pairs.shuffled * 100:g} % of the texts exchanged" if params.pairs.shuffled else ""
    sets = ", ".join(f"{name} {plain(pairs.get(f'pairs_{name}'), 0)}" for name in params.pairs.sets)
    return [
        ("Signal encoder", params.model.signal_encoder + (f", {plain(size / 1e6, 2)} million parameters" if size else "")),
        ("Text tower", f"{params.model.text_tower}, {_layers(params.model.text_layers_trained)}"),
        ("Pretraining pairs", f"{plain(pairs.get('train'), 0)} to train on, {descriptions}{shuffled} ({sets})"),
        *_training(params),
        ("Signals", f"12 leads, {params.signal.rate} Hz, {_filter(params.signal.highpass_hz)}"),
        ("Descriptions", f"{params.describe.provider}, {params.describe.top_k} passages of {params.chunk.books}"),
    ]


def _training(params: Params) -> list[tuple[str, str]]:
    """Of a method other than the paper's, the settings of the section that has its name."""
    own: Section | None = getattr(params, params.pretrain.method, None)
    if own is not None:
        settings = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in own.model_dump(mode="json").items())
        return [("Pretraining method", params.pretrain.method), ("Training", settings)]
    model, train = params.model, params.train
    losses = f"contrastive × {train.lambda_con:g} ({model.contrastive_loss}), captioning × {train.lambda_cap:g}"
    schedule = f"{train.epochs} epochs of {train.batch_size} pairs a batch, learning rate {train.lr:g}"
    return [("Losses", losses), ("Training", schedule)]


def _layers(trained: int) -> str:
    return "frozen" if trained == 0 else "trained whole" if trained < 0 else f"last {trained} layers trained"


def _filter(highpass_hz: float) -> str:
    return f"high-pass {highpass_hz:g} Hz" if highpass_hz else "unfiltered"
