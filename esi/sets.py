"""Which of the ingested data sets, and which tasks, each stage reads: a stage depends on these alone (stages/sets.py)."""

from __future__ import annotations

from esi.params import Params


def sets_read(settings: Params) -> dict[str, list[str]]:
    """The data sets that a stage reads, by stage, in the order of params.yaml.

    `pairs` also reads every set with records that an evaluation may read, whether a task names it or not: nobody of them is
    to be in the pairs.
    """
    ingest, pairs = settings.ingest, settings.pairs.sets
    held_out = [name for name, release in ingest.items() if release.folds.validation or release.folds.test]
    by_task = {stage: [settings.tasks[task].dataset for task in tasks] for stage, tasks in tasks_read(settings).items()}
    found = {
        "statements": settings.statements.sets,
        "pairs": pairs + held_out,
        "pretrain": pairs,
        **by_task,
        "identify": [name for name in settings.identify.seconds if ingest[name].folds.test],
        "retrieval": settings.retrieval.sets,
        "caption": settings.caption.sets + pairs,
        "distribution": settings.distribution.sets + pairs,
        "report": by_task["zero_shot"],
    }
    return {stage: [name for name in ingest if name in names] for stage, names in found.items()}


def tasks_read(settings: Params) -> dict[str, list[str]]:
    """The tasks that a stage runs, by stage: those whose data set has folds for training, validation and test."""
    run = [name for name, row in settings.tasks.items() if not settings.ingest[row.dataset].folds.empty()]
    return {
        "zero_shot": run,
        "linear_probe": run,
        "fine_tune": [name for name in run if name in settings.fine_tune.tasks],
    }
