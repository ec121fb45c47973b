"""The stages of a dvc.yaml: what each starts, reads and writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.strict_yaml import parse_yaml

GRAPH = Path("dvc.yaml")


@dataclass(frozen=True)
class DeclaredStage:
    """A stage of dvc.yaml, as it is written there. A setting of another file than params.yaml is `FILE:KEY`."""

    command: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[str, ...]  # metrics and plots too


def declared_stages(root: Path) -> dict[str, DeclaredStage]:
    """Return the stages of the project's dvc.yaml; none without such a file. SettingsError if it cannot be read as such."""
    path = root / GRAPH
    if not path.is_file():
        return {}
    try:
        return stages_of(path.read_bytes().decode(), str(GRAPH))
    except UnicodeDecodeError as fault:
        raise SettingsError(
            f"{GRAPH} is not valid YAML, which must be UTF-8 text; save it as UTF-8.", [str(fault)]
        ) from None


def stages_of(text: str, origin: str) -> dict[str, DeclaredStage]:
    """Return the stages of the text of a dvc.yaml; `origin` names it in errors."""
    content = parse_yaml(text, origin)
    stages = content.get("stages") if isinstance(content, dict) else None
    if not isinstance(stages, dict) or not all(isinstance(entry, dict) for entry in stages.values()):
        raise SettingsError(f"{origin} must have a section `stages` with a section for each stage.")
    return {str(name): _stage_of(entry) for name, entry in stages.items()}


def _stage_of(entry: dict[str, Any]) -> DeclaredStage:
    inner = entry.get("do", entry)  # of a stage with `foreach`
    command = inner.get("cmd") or ""
    params = [
        f"{file}:{key}" if file else key
        for given in inner.get("params") or []
        for file, keys in (given.items() if isinstance(given, dict) else [("", [given])])
        for key in keys or ["*"]
    ]
    outs = [name for kind in ("outs", "metrics", "plots") for name in _names(inner.get(kind) or [])]
    first = command if isinstance(command, str) else next(iter(command), "")
    return DeclaredStage(str(first), tuple(_names(inner.get("deps") or [])), tuple(params), tuple(outs))


def _names(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        yield str(next(iter(entry))) if isinstance(entry, dict) else str(entry)
