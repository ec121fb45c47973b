"""What a project's own files say about hindcast: the key of each stage in code.yaml, and in a record who wrote which file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.files import replace_file
from hindcast.pipeline.project.code_keys import code_keys, installed_version, library_versions
from hindcast.pipeline.settings.strict_yaml import parse_yaml

CODE_FILE = Path("code.yaml")
"""The key of each stage, which dvc.yaml names as a parameter of the stage."""

RECORD_FILE = Path(".hindcast-project.yaml")
"""The version of hindcast that wrote the project's files, its libraries, and the digest of each file as written."""

_CODE_HEAD = """\
# The code of each stage: a digest of its modules and, after the hyphen, of the versions of its libraries. `hindcast upgrade` writes
# this file; commit it. A stage runs again when its key changes, and refuses to run where other code is installed.
"""
_RECORD_HEAD = """\
# Written by `hindcast init` and `hindcast upgrade`; commit it. The digests are those of the generated files as hindcast wrote them: by
# them, an upgrade knows which files you edited, and asks before it changes one.
"""
_CODE_REMEDY = (
    f"Restore it from git (git checkout -- {CODE_FILE}), or write it for the installed code: hindcast upgrade"
)
_RECORD_REMEDY = f"Restore it from git (git checkout -- {RECORD_FILE}), or remove it: then hindcast asks about each file that it would change."


@dataclass(frozen=True)
class ProjectRecord:
    """The content of the record. `answers` are what `hindcast init` was told and generated files depend on."""

    version: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)  # SHA-256 by path


def digest_of_bytes(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def code_text(keys: Mapping[str, str]) -> str:
    """Return the text of code.yaml with these keys, in their order."""
    return _CODE_HEAD + "".join(f"{stage}: {key}\n" for stage, key in keys.items())


def read_code_file(root: Path) -> dict[str, str] | None:
    """Return the keys in a project's code.yaml; None if the folder has no such file.

    Raises SettingsError if it does not map stages to keys: half-written, edited, or with conflict markers of git.
    """
    text = _read_text(root / CODE_FILE, CODE_FILE, _CODE_REMEDY)
    if text is None:
        return None
    keys = _parse(text, CODE_FILE, _CODE_REMEDY)
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
        raise SettingsError(
            f"{CODE_FILE} must give each stage its key, as `ingest: 0a1b...-2c3d...`. {_CODE_REMEDY}"
        )
    return keys


def write_code_file(root: Path, keys: Mapping[str, str]) -> None:
    """Write a project's code.yaml."""
    _write_text(root / CODE_FILE, code_text(keys))


def read_record(root: Path) -> ProjectRecord | None:
    """Return a project's record; None if the folder has none. Raises SettingsError if it is damaged."""
    text = _read_text(root / RECORD_FILE, RECORD_FILE, _RECORD_REMEDY)
    if text is None:
        return None
    content = _parse(text, RECORD_FILE, _RECORD_REMEDY)
    sections = (
        [content.get(name) for name in ("answers", "libraries", "files")] if isinstance(content, dict) else []
    )
    texts = [content["version"] if isinstance(content, dict) and "version" in content else None]
    for section in sections:
        texts += [*section, *section.values()] if isinstance(section, dict) else [None]
    if not sections or not all(isinstance(each, str) for each in texts):
        raise SettingsError(
            f"{RECORD_FILE} must have a version and the sections answers, libraries and files, all of texts. {_RECORD_REMEDY}"
        )
    return ProjectRecord(str(texts[0]), *(dict(section) for section in sections if section is not None))


def record_text(record: ProjectRecord) -> str:
    """Return the text of a record: the same for equal records."""
    lines = [f"version: {json.dumps(record.version, ensure_ascii=False)}"]
    for name in ("answers", "libraries", "files"):
        values = sorted(getattr(record, name).items())
        lines.append(f"{name}:" if values else f"{name}: {{}}")
        lines += [
            f"  {json.dumps(key, ensure_ascii=False)}: {json.dumps(value, ensure_ascii=False)}"
            for key, value in values
        ]
    return _RECORD_HEAD + "\n".join([*lines, ""])


def write_record(root: Path, record: ProjectRecord) -> None:
    """Write a project's record."""
    _write_text(root / RECORD_FILE, record_text(record))


def record_project(root: Path, record: ProjectRecord) -> None:
    """Write the record, with the installed version and the libraries of all stages, and then code.yaml with the installed keys.

    Without the extra `train`, the stages that need it have no key; `hindcast upgrade`, where it is installed, adds them.
    """
    keys = code_keys()
    libraries = {name: number for stage in keys for name, number in library_versions(stage).items()}
    write_record(root, replace(record, version=installed_version(), libraries=libraries))
    write_code_file(root, keys)


def _read_text(path: Path, name: Path, remedy: str) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as fault:
        raise SettingsError(f"{name} is not UTF-8 text. {remedy}", [str(fault)]) from None


def _parse(text: str, name: Path, remedy: str) -> object:
    try:
        return parse_yaml(text, str(name))
    except SettingsError as fault:
        raise SettingsError(f"{fault.summary} {remedy}", fault.faults) from None


def _write_text(path: Path, text: str) -> None:
    with replace_file(path) as fresh:
        fresh.write_bytes(text.encode())
