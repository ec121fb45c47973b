"""Which stages run again after an upgrade, and why: another key, other settings, another entry in dvc.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.project.code_keys import changed_libraries, differing_parts
from hindcast.pipeline.project.file_changes import FileChange
from hindcast.pipeline.project.project_record import CODE_FILE, ProjectRecord, read_code_file
from hindcast.pipeline.settings.strict_yaml import parse_yaml
from hindcast.pipeline.wording import listed

_LOCK_FILE = Path("dvc.lock")
_ALWAYS = "check"
_PLACEHOLDER = re.compile(r"\$\{(.+)\}")
_ABSENT = object()
_MOST_SETTINGS = 4


def rerun_reasons(
    root: Path,
    keys: Mapping[str, str],
    graph: FileChange | None,
    params: FileChange | None,
    record: ProjectRecord,
) -> dict[str, list[str]]:
    """Return the reasons of each stage that runs again, in the order of `keys`, the keys of the installed code.

    `graph` and `params` are the changes of dvc.yaml and params.yaml, if they change. A stage's key before is that of its last run,
    from dvc.lock, or else the one in code.yaml. `check` runs each time and is left out, and so is a stage that is not part of the
    graph, because the settings name nothing that it would make.
    """
    before = keys_before(root)
    old, new = (_stages(content) for content in _sides(graph, root / "dvc.yaml"))
    old_values, new_values = (_parsed(content) for content in _sides(params, root / "params.yaml"))
    reasons = {}
    for stage, key in keys.items():
        if stage == _ALWAYS or _makes_no_stage(new.get(stage), new_values):
            continue
        found = [*_key_reasons(before.get(stage), key, record, stage)]
        if new.get(stage) != old.get(stage):
            found.append("its entry in dvc.yaml changes")
        changed = [
            name for name in _declared(new.get(stage)) if _at(old_values, name) != _at(new_values, name)
        ]
        if changed:
            found.append(f"its settings change: {listed(changed, _MOST_SETTINGS)}")
        if found:
            reasons[stage] = found
    return reasons


def keys_before(root: Path) -> dict[str, str]:
    """Return the key of each stage at its last run, or in code.yaml if it never ran; a damaged file counts as an empty one."""
    try:
        keys = dict(read_code_file(root) or {})
    except HindcastError:
        keys = {}
    path = root / _LOCK_FILE
    locked = _parsed(path.read_bytes() if path.is_file() else None).get("stages")
    for entry in (locked if isinstance(locked, dict) else {}).values():
        params = entry.get("params") if isinstance(entry, dict) else None
        found = params.get(CODE_FILE.name) if isinstance(params, dict) else None
        if isinstance(found, dict):
            keys |= {stage: str(key) for stage, key in found.items()}
    return keys


def _key_reasons(before: str | None, now: str, record: ProjectRecord, stage: str) -> Iterator[str]:
    if before is None:
        yield f"{CODE_FILE} had no key for it"
        return
    for part in differing_parts(before, now):
        changes = changed_libraries(record.libraries, stage) if part == "libraries" else []
        yield f"its {part} changed{f' ({listed(changes)})' if changes else ''}"


def _stages(content: bytes | None) -> dict[str, Any]:
    stages = _parsed(content).get("stages")
    return stages if isinstance(stages, dict) else {}


def _parsed(content: bytes | None) -> dict[str, Any]:
    try:
        value = parse_yaml((content or b"").decode(), "")
    except (HindcastError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def _declared(entry: Any) -> list[str]:
    """Return the names of params.yaml that an entry of dvc.yaml declares."""
    params = entry.get("params") if isinstance(entry, dict) else None
    return [name for name in params if isinstance(name, str)] if isinstance(params, list) else []


def _makes_no_stage(entry: Any, values: Any) -> bool:
    """Whether the matrix of an entry of dvc.yaml is over an empty list of params.yaml."""
    matrix = entry.get("matrix") if isinstance(entry, dict) else None
    names = [
        _PLACEHOLDER.fullmatch(str(each)) for each in (matrix if isinstance(matrix, dict) else {}).values()
    ]
    return any(_at(values, name[1]) == [] for name in names if name)


def _at(values: Any, name: str) -> Any:
    for part in name.split("."):
        values = values.get(part, _ABSENT) if isinstance(values, dict) else _ABSENT
    return values


def _sides(change: FileChange | None, present: Path | None) -> tuple[bytes | None, bytes | None]:
    """Return a file's content before and after a change; without one, twice what is there."""
    if change:
        return change.before, change.after
    content = present.read_bytes() if present and present.is_file() else None
    return content, content
