"""`hindcast upgrade`: bring a project's generated files and the keys of its code to the installed version."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from hindcast.pipeline.errors import BusyError, HindcastError, MissingInputError
from hindcast.pipeline.files import replace_file
from hindcast.pipeline.project.code_keys import STAGES, code_key, installed_version
from hindcast.pipeline.project.composition import CONFIG, compose_text
from hindcast.pipeline.project.data_set_choice import chosen_data_set
from hindcast.pipeline.project.file_changes import FileChange, plan_files
from hindcast.pipeline.project.generated_files import fresh_files
from hindcast.pipeline.project.project_record import (
    CODE_FILE,
    RECORD_FILE,
    ProjectRecord,
    digest_of_bytes,
    read_code_file,
    read_record,
    record_project,
)
from hindcast.pipeline.project.rerun_reasons import rerun_reasons
from hindcast.pipeline.wording import listed

_GRAPH, _PARAMS = "dvc.yaml", "params.yaml"


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade of the project in `root` changes. Nothing is written before `write`."""

    root: Path
    record: ProjectRecord
    fresh: Mapping[str, bytes]
    changes: tuple[FileChange, ...]
    keys: Mapping[str, str]
    version: str  # the installed one
    has_other_code: bool  # than code.yaml and the record name

    @property
    def is_needed(self) -> bool:
        """Whether anything would be written or asked."""
        return bool(self.changes) or self.has_other_code

    @property
    def edited(self) -> list[FileChange]:
        """The changes of files that a person edited or removed: each needs a decision."""
        return [change for change in self.changes if change.is_edited]

    def params_change(self, kept: Collection[str] = ()) -> FileChange | None:
        """The change of params.yaml, composed from the new `conf/`; None if it stays the same, or was not the composition before.

        `kept` are the paths of changes that are not made.
        """
        made = [each for each in self.changes if each.path not in kept and _is_setting(each.path)]
        path = self.root / _PARAMS
        if not made or not path.is_file():
            return None
        before = path.read_bytes()
        try:
            if before != compose_text(self.root).encode():
                return None
            after = _composed_with(self.root, made).encode()
        except HindcastError:
            return None  # the stage `check` names the fault
        return FileChange(_PARAMS, before, after) if after != before else None

    def reasons(self, kept: Collection[str] = ()) -> dict[str, list[str]]:
        """Why each stage that runs again does so."""
        changes = {change.path: change for change in self.changes if change.path not in kept}
        if params := self.params_change(kept):
            changes[_PARAMS] = params
        return rerun_reasons(self.root, self.keys, changes.get(_GRAPH), changes.get(_PARAMS), self.record)

    def write(self, kept: Collection[str], *, asked: bool) -> list[str]:
        """Make all changes but those of the paths in `kept`; return the paths of what was written or removed.

        Each file is replaced as a whole, params.yaml first and code.yaml last: after a kill, stages with other code still refuse to run,
        and the next upgrade does the rest. About kept files that a person was `asked` about, the next upgrade asks again only if hindcast
        writes them differently by then. Raises BusyError, and writes nothing, if a file has changed since the plan.
        """
        params = self.params_change(kept)
        made = [
            *([params] if params else []),
            *(change for change in self.changes if change.path not in kept),
        ]
        for change in made:
            path = self.root / change.path
            if (path.read_bytes() if path.is_file() else None) != change.before:
                raise BusyError(
                    f"{change.path} was changed in the meantime, so nothing was written. Run the command again."
                )
        for change in made:
            _write(self.root / change.path, change.after)
        known = {path: digest_of_bytes(content) for path, content in self.fresh.items()}
        if not asked:
            known = {path: digest for path, digest in known.items() if path not in kept}
            known |= {path: self.record.files[path] for path in kept if path in self.record.files}
        record_project(self.root, replace(self.record, files=known))
        return [*(change.path for change in made), str(RECORD_FILE), str(CODE_FILE)]


def plan_upgrade(root: Path, forced: Sequence[str] = ()) -> Upgrade:
    """Compare the project in `root` with what the installed version writes; generated files in `forced` are replaced if edited.

    Without a record, each file that differs counts as edited. Raises MissingInputError if `root` is no project that
    `hindcast init` made, a library of a stage is not installed, or a path in `forced` is no generated file; SettingsError for a
    damaged record.
    """
    record = read_record(root)
    if record is None:
        if not (root / CODE_FILE).is_file():
            raise MissingInputError(
                f"This folder is no project that `hindcast init` made: it has neither {RECORD_FILE} nor {CODE_FILE}. Run the command in "
                "the project's folder, or make a project: hindcast init NAME"
            )
        record = ProjectRecord()
    if not {"name", "data_set"} <= record.answers.keys():
        known = {"name": root.resolve().name, "data_set": chosen_data_set(root)}
        record = replace(record, answers=known | dict(record.answers))
    return plan_with(root, record, fresh_files(record.answers), forced)


def plan_with(
    root: Path, record: ProjectRecord, fresh: Mapping[str, bytes], forced: Sequence[str] = ()
) -> Upgrade:
    """As `plan_upgrade`, with the record and the content of the generated files given."""
    paths = {Path(name).as_posix() for name in forced}
    for path in sorted(paths - fresh.keys()):
        close = get_close_matches(path, fresh, 1, 0.6)
        hint = f" Did you mean {close[0]}?" if close else f" They are: {listed(sorted(fresh), 50)}"
        raise MissingInputError(f"{path} is no file that hindcast generates.{hint}")
    keys = {stage: code_key(stage) for stage in STAGES}
    try:
        is_other = read_code_file(root) != keys
    except HindcastError:
        is_other = True
    version = installed_version()
    changes = tuple(plan_files(root, fresh, record, paths))
    return Upgrade(root, record, fresh, changes, keys, version, is_other or record.version != version)


def _is_setting(path: str) -> bool:
    return Path(path).parts[0] == CONFIG.parts[0]


def _composed_with(root: Path, changes: list[FileChange]) -> str:
    """Compose `conf/` as it will be after the changes."""
    with tempfile.TemporaryDirectory() as temporary:
        shutil.copytree(root / CONFIG.parent, Path(temporary, CONFIG.parent))
        for change in changes:
            _write(Path(temporary, change.path), change.after)
        return compose_text(Path(temporary))


def _write(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
        return
    with replace_file(path) as fresh:
        fresh.write_bytes(content)
