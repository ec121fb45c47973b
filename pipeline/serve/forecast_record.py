"""The record beside a forecast: what it was made from, when it was made, and whether that was in time."""

from __future__ import annotations

import json
import platform
from functools import cache
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.files import digest_of_value
from hindcast.pipeline.project.code_keys import code_key, installed_version, library_versions
from hindcast.pipeline.serve.deliveries import FORMAT
from hindcast.pipeline.settings.params import Params

COMMAND = "predict"


def settings_part(params: Params) -> dict[str, Any]:
    """Return a digest of all settings, and the settings that were given: read again, they are the same settings.

    `raw.path` and `raw.name` have no part in the digest; of an absolute path only the last folder is recorded.
    """
    given = params.model_dump(mode="json", by_alias=True, exclude_unset=True)
    given["raw"]["path"] = params.raw.shown_path
    return {"digest": settings_digest(params), "given": given}


def settings_digest(params: Params) -> str:
    """Return the digest of all settings except `raw.path` and `raw.name`."""
    return digest_of_value(params.model_dump(mode="json", exclude={"raw": {"path", "name"}}))


@cache
def code_part() -> dict[str, Any]:
    """Return the version and the key of the code of `predict`, and the versions of the libraries that it imports."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {
        "code": {"version": installed_version(), "key": code_key(COMMAND)},
        "libraries": {"python": python, **library_versions(COMMAND)},
    }


def read_forecast_record(path: Path) -> dict[str, Any]:
    """Read the record of a forecast; raises MissingInputError or FormatError."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingInputError(
            f"{path} is missing: name the record of a forecast, such as forecasts/20261129T1800Z.parquet.json."
        ) from None
    except ValueError as fault:
        raise FormatError(f"{path} is damaged: it is not JSON ({fault}).") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise FormatError(
            f"{path}: the format must be {FORMAT}: it is no record of a forecast, or one of another version."
        )
    absent = [name for name in ("inputs", "settings", "libraries", "created_at") if name not in record]
    if absent or not isinstance(record["settings"], dict):
        raise FormatError(
            f"{path} was written by an earlier version, which recorded too little to replay a forecast: it has no {absent or 'settings'}."
        )
    return record


def find_forecast_record(path: Path) -> Path | None:
    """Return the record of a forecast, named by itself or by the forecast's file; None if the path names something else."""
    for record in (path, path.with_name(f"{path.name}.json")) if path.name else ():
        try:
            content = json.loads(record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and str(content.get("format", "")).startswith(
            f"{FORMAT.partition('/')[0]}/"
        ):
            return record
    return None
