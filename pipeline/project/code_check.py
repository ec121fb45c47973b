"""The refusal to run with other code than the project's: two people with different versions would replace each other's results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hindcast.pipeline.errors import HindcastError, MissingInputError, VersionError
from hindcast.pipeline.project.code_keys import (
    STAGES,
    changed_libraries,
    code_key,
    differing_parts,
    installed_version,
)
from hindcast.pipeline.project.project_record import CODE_FILE, ProjectRecord, read_code_file, read_record

_CHECK = "check"  # it answers for all stages, since it runs before them


def refuse_other_code(stage: str, root: Path) -> None:
    """Compare a stage's key in the project's code.yaml with that of the installed code; for `check`, the keys of all stages.

    Nothing happens in a folder without code.yaml, and for a command that is no stage. A stage whose libraries are not all
    installed is left to say so itself. Raises VersionError for another key, and SettingsError for a damaged code.yaml.
    """
    if stage not in STAGES or (keys := read_code_file(root)) is None:
        return
    asked = [*STAGES, *(name for name in keys if name not in STAGES)] if stage == _CHECK else [stage]
    faults = [fault for name in asked for fault in _faults_of(name, keys)]
    if not faults:
        return
    record = _record_if_readable(root)
    project = f"hindcast {record.version}" if record.version else f"see {CODE_FILE}"
    if record.version == installed_version():
        project = "the same version, with other code or libraries"
    raise VersionError(
        f"The installed code (hindcast {installed_version()}) is not the code that this project's results belong to ({project}). Either bring "
        "the project to the installed code: hindcast upgrade (it first shows what changes, and which stages run again). Or install what "
        "the project names in requirements.lock and requirements.txt.",
        [*faults, *_library_faults(asked, record)],
    )


def _faults_of(stage: str, keys: Mapping[str, str]) -> Iterator[str]:
    if stage not in STAGES:
        yield f"{stage}: {CODE_FILE} has a key for it, but the installed version has no such stage"
        return
    try:
        installed = code_key(stage)
    except MissingInputError:
        return
    if stage not in keys:
        yield f"{stage}: {CODE_FILE} has no key for it, the installed code has {installed}"
    elif keys[stage] != installed:
        parts = " and ".join(differing_parts(keys[stage], installed))
        yield f"{stage}: {CODE_FILE} has {keys[stage]}, the installed code has {installed} (other {parts})"


def _library_faults(stages: Sequence[str], record: ProjectRecord) -> list[str]:
    changes = {
        change for stage in stages if stage in STAGES for change in changed_libraries(record.libraries, stage)
    }
    return [f"versions of libraries, in the project and here: {change}" for change in sorted(changes)]


def _record_if_readable(root: Path) -> ProjectRecord:
    try:
        return read_record(root) or ProjectRecord()
    except HindcastError:
        return ProjectRecord()
