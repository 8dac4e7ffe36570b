"""Everything of the datasheet: the page, its pictures, the table of labels, and the numbers for `dvc metrics diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from esi.datasheet.counts import count, metrics_of, shared_signals
from esi.datasheet.labels import label_frequencies, shown, unlabelled
from esi.datasheet.page import render
from esi.datasheet.plots import draw_all
from esi.datasheet.releases import origin_of, read_releases
from esi.datasheet.tables import Sheet
from esi.files import replacing, write_text
from esi.params import Params


def write_datasheet(params: Params, ecgs: Path, releases_path: Path, folder: Path) -> dict[str, Any]:
    """Describe every data set of `params.ingest`.

    Args:
        params: all settings.
        ecgs: data/ecg, with the tables of each set in a folder of its name.
        releases_path: releases.toml.
        folder: an existing folder, which receives README.md, labels.csv and the pictures.

    Returns:
        The numbers of each data set, and those between them, under plain keys.

    Raises:
        EsiError: a data set is not ingested, or releases.toml is not as it must be.
    """
    releases = read_releases(releases_path)
    sheets = {
        name: Sheet(
            settings=settings,
            origin=origin_of(name, settings, params.simulate.folder, releases),
            counts=count(ecgs / name),
            labels=label_frequencies(ecgs / name),
            unlabelled=unlabelled(ecgs / name),
            pretraining=name in params.pairs.sets,
        )
        for name, settings in params.ingest.items()
    }
    shared = shared_signals({name: sheet.counts.hashes for name, sheet in sheets.items()})
    with replacing(folder / "labels.csv") as temporary:
        pl.concat(
            [sheet.labels.select(pl.lit(name).alias("dataset"), pl.all()) for name, sheet in sheets.items()]
        ).write_csv(temporary)
    titles = {name: f"{name} (simulated)" if sheet.origin.simulated else name for name, sheet in sheets.items()}
    pictures = draw_all(
        folder,
        {titles[name]: sheet.counts for name, sheet in sheets.items()},
        {titles[name]: sheet.labels for name, sheet in sheets.items()},
    )
    write_text(folder / "README.md", render(sheets, shared, params.quality, pictures))
    return {
        **{
            name: {
                "simulated": sheet.origin.simulated,
                **metrics_of(sheet.counts),
                "labels": len(shown(sheet.labels)),
                "without_labels": sheet.unlabelled,
            }
            for name, sheet in sheets.items()
        },
        "between_sets": {
            "shared_signals": sum(shared.values()),
            **{f"shared_signals_{first}_{second}": number for (first, second), number in shared.items()},
        },
    }
