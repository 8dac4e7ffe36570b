"""Facts on each public release that no table holds, written by hand in releases.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from esi.errors import EsiError
from esi.settings.data import Ingest
from esi.settings.section import Section


class Release(Section):
    """One [[release]] of releases.toml; the questions are those of Gebru et al. 2021."""

    name: str
    url: str
    purpose: str
    creators: str
    funding: str
    collection: str
    labelling: str
    notes: str
    licence: str
    access: str
    maintenance: str
    sources: tuple[str, ...]
    formats: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    records: int | None = None  # as published
    subjects: int | None = None
    citations: tuple[str, ...] = ()


class Releases(Section):
    simulated: Release
    release: list[Release]


@dataclass(frozen=True)
class Origin:
    """Where a data set comes from."""

    simulated: bool
    facts: Release | None  # of the simulated cohort where it is one; None where nobody has described the release
    layout: str | None  # of a simulated set: the name of the release that it imitates


def read_releases(path: Path) -> Releases:
    """Read releases.toml.

    Raises:
        EsiError: the file is missing, or an entry is not as it must be; the sentence names the entry.
    """
    try:
        return Releases.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise EsiError(f"{path} is missing: take it from git, it describes the public releases") from None
    except tomllib.TOMLDecodeError as error:
        raise EsiError(f"{path}: {error}") from None
    except ValidationError as error:
        problem = error.errors()[0]
        raise EsiError(f"{path}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}") from None


def origin_of(name: str, settings: Ingest, simulated_folder: Path, releases: Releases) -> Origin:
    """Which release a data set of params.yaml is.

    What lies in the simulation's folder is simulated, whatever its name and format say.
    """
    known = [release for release in releases.release if settings.format in release.formats or name in release.sets]
    release = known[0] if known else None
    if settings.root.resolve().is_relative_to(simulated_folder.resolve()):
        return Origin(True, releases.simulated, release.name if release else None)
    return Origin(False, release, None)
