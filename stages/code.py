"""The files of the project's code that each stage depends on, with their hashes: data/code/<stage>.txt.

DVC sees no imports. An edit of a module changes the files of the stages that import it, directly or not, and no other.
"""

from __future__ import annotations

from pathlib import Path

from esi.closure import code_of
from esi.command import run
from esi.files import replacing_folder, write_text
from esi.paths import CODE


def main() -> None:
    modules = sorted(path.stem for path in Path(__file__).parent.glob("*.py"))
    with replacing_folder(CODE) as folder:
        for name in modules:
            if name not in ("__init__", Path(__file__).stem):
                hashes = code_of(f"stages.{name}")
                write_text(folder / f"{name}.txt", "".join(f"{hashes[file]}  {file}\n" for file in sorted(hashes)))


if __name__ == "__main__":
    run(main)
