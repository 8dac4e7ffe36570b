"""The answers behind data/descriptions.parquet as one file that DVC can keep, so that others reproduce it without a key.

python -m esi.cqa.write.answer_archive export     # data/provenance.parquet and the cache -> data/answers.parquet
python -m esi.cqa.write.answer_archive import     # data/answers.parquet -> the cache of this clone
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from esi.command import run
from esi.cqa.write.answer_cache import AnswerCache
from esi.errors import EsiError
from esi.files import cache_folder, json_hash, replacing
from esi.paths import PROVENANCE

SCHEMA = pa.schema([("key", pa.string()), ("request", pa.string()), ("answer", pa.string())])  # JSON, keys sorted


def export_answers(provenance: pa.Table, cache: AnswerCache, archive: Path) -> int:
    """Write the answers that a provenance table names, by key: the same bytes for the same answers. Returns how many.

    Raises:
        EsiError: an answer is not in the cache, or the table names none.
    """
    keys = sorted(set(pc.drop_null(provenance["request"]).to_pylist()))
    if not keys:
        raise EsiError("data/provenance.parquet names no model's answers: there is nothing to export")
    rows = []
    for key in keys:
        kept = cache.read(key)
        if kept is None:
            raise EsiError(f"the answer {key} is not in this clone's cache: run the stage describe here before the export")
        rows.append({"key": key} | {name: _text(kept[name]) for name in ("request", "answer")})
    with replacing(archive) as temporary:
        table = pa.Table.from_pylist(rows, SCHEMA)
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
    return len(rows)


def import_answers(archive: Path, cache: AnswerCache) -> tuple[int, int]:
    """Put an archive's answers into the cache; those that it has stay as they are. Returns how many were new, and known.

    Raises:
        EsiError: the archive is absent, or damaged, or a row's key is not its request's hash: then nothing is taken.
    """
    if not archive.is_file():
        raise EsiError(f"{archive} is not there: dvc pull it, or export it from the clone that has the answers")
    try:
        rows = pq.read_table(archive, schema=SCHEMA, page_checksum_verification=True).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise EsiError(f"{archive} is damaged ({str(error).splitlines()[0]}): fetch the file again") from None
    for row in rows:
        try:
            request, answer = json.loads(row["request"]), json.loads(row["answer"])
        except (TypeError, ValueError, RecursionError):
            request, answer = {}, None
        if not isinstance(request, dict) or not isinstance(answer, dict) or json_hash(request) != row["key"]:
            raise EsiError(f"{archive}: row {row['key']} is not the answer to its request: fetch the file again")
    new = 0
    for row in rows:
        _, asked = cache.get_or_ask(json.loads(row["request"]), partial(json.loads, row["answer"]))
        new += asked
    return new, len(rows) - new


def _text(content: dict) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("direction", choices=["export", "import"])
    parser.add_argument("archive", nargs="?", type=Path, default=Path("data/answers.parquet"))
    arguments = parser.parse_args()
    cache = AnswerCache(cache_folder("answers"))
    if arguments.direction == "export":
        if not PROVENANCE.is_file():
            raise EsiError(f"{PROVENANCE} is not there: run the stage describe first")
        count = export_answers(pq.read_table(PROVENANCE), cache, arguments.archive)
        print(f"{arguments.archive}: {count} answers", file=sys.stderr)
    else:
        new, known = import_answers(arguments.archive, cache)
        print(f"{arguments.archive}: {new} answers taken, {known} were there", file=sys.stderr)


if __name__ == "__main__":
    run(main)
