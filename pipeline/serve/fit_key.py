"""The key of a fit: a digest of everything that its network and forecasts depend on, so that an equal fit is made once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hindcast.pipeline.files import digest_of_file, digest_of_value
from hindcast.pipeline.project.code_keys import INSTALLED, program_key
from hindcast.pipeline.project.import_graph import ImportGraph
from hindcast.pipeline.settings.params import Params

_PROGRAM = "pipeline.serve.fit_program"
_LENGTH = 16  # hexadecimal digits
_UNREAD: Any = {
    "raw": {"path", "name"},
    "evaluate": True,
    "simulate": True,
    "refit": True,
    "monitor": True,
}


def fit_key(
    params: Params, project: Path, rows: str, more: dict[str, Any], package: ImportGraph = INSTALLED
) -> str:
    """Return the key of a fit with these settings; `more` are further JSON-like values that decide its result.

    `rows` is the digest of all rows that it may use, as `digests_of_known` gives it. The code that the program of a fit imports, the versions
    of the libraries that this code imports, and the modules of a network of its own are part of the key; code that judges, draws or reports is not.
    """
    return digest_of_value(
        {
            "settings": params.model_dump(mode="json", exclude=_UNREAD),
            "rows": rows,
            "code": program_key(_PROGRAM, package),
            "network": _own_modules(params, project),
            **more,
        }
    )[:_LENGTH]


def _own_modules(params: Params, project: Path) -> dict[str, str]:
    """Return the digest of each file of the package that builds a custom network."""
    if params.train.model is None:
        return {}
    top = params.train.model.partition(":")[0].partition(".")[0]
    files = [project / f"{top}.py", *sorted((project / top).rglob("*.py"))]
    return {path.relative_to(project).as_posix(): digest_of_file(path) for path in files if path.is_file()}
