"""Tables of the raw files as they are now, beside those of the last `dvc repro`, which stay as they are."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.raw.ingest import TABLES, ingest
from hindcast.pipeline.settings.params import Params

FOLDER = Path(".hindcast/service")


def fresh_tables(params: Params, root: Path) -> Path:
    """Ingest the raw files below `root` and return the folder of the tables; only files that changed since the last time are read.

    The rules are those of the stage `ingest`, and so are the errors.
    """
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    place = str((root / params.raw.path).resolve())
    ingest(params.model_copy(update={"raw": params.raw.model_copy(update={"path": place})}), folder)
    return folder / TABLES
