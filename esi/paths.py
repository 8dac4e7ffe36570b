"""Where the outs of the stages and the committed data lie, relative to the project's root.

dvc.yaml names the same outs, and a test compares the two. A file within an out is named where it is written and read.
"""

from __future__ import annotations

from pathlib import Path

DATA, METRICS = Path("data"), Path("metrics")

CODE = DATA / "code"  # a file a stage
SETS = DATA / "sets"  # likewise
LOCATED = DATA / "located"
ECG = DATA / "ecg"  # a folder a data set
STATEMENTS = DATA / "statements.parquet"
CHUNKS = DATA / "knowledge/chunks.parquet"
INDEX = DATA / "knowledge/index.parquet"
DESCRIPTIONS = DATA / "descriptions.parquet"
PROVENANCE = DATA / "provenance.parquet"
PAIRS = DATA / "pairs/pairs.parquet"
MODEL = DATA / "model"
PREDICTIONS = DATA / "predictions"  # a folder a protocol, one file a task
DETAILS = METRICS / "details"  # of a protocol's figures, likewise

EXPERIMENTS = DATA / "experiments"  # committed: kept figures of other runs
PAPER = DATA / "paper"  # committed: the paper's tables
RELEASES = DATA / "datasheet/releases.toml"  # committed: what the datasheet says of public releases
