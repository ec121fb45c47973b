"""What an upgrade does to each generated file of a project: nothing, a new text, or a question, since a person edited the file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from hindcast.pipeline.errors import HindcastError, ProjectError
from hindcast.pipeline.project.composition import CONFIG
from hindcast.pipeline.project.data_set_choice import data_set_in, naming
from hindcast.pipeline.project.project_record import ProjectRecord, digest_of_bytes
from hindcast.pipeline.wording import size_text

NEW, WRITTEN, OBSOLETE, FORCED = (
    "new",
    "as hindcast wrote it",
    "no longer needed",
    "replaced although you edited it",
)
EDITED, REMOVED = "you edited it", "you removed it"

_NO_END = "\\ No newline at end of file"


@dataclass(frozen=True)
class FileChange:
    """A file that the installed version writes differently. `before` or `after` is None where the file is absent."""

    path: str
    before: bytes | None
    after: bytes | None
    state: str = WRITTEN

    @property
    def is_edited(self) -> bool:
        """Whether a person has to decide."""
        return self.state in {EDITED, REMOVED}

    def diff(self) -> Iterator[str]:
        """The lines of a unified diff, without line ends; for a binary file its size."""
        pair = self.before, self.after
        yield from (
            f"{sign} {'/dev/null' if text is None else self.path}"
            for sign, text in zip(("---", "+++"), pair, strict=True)
        )
        if any(b"\0" in text for text in pair if text is not None):
            yield f"@@ {' -> '.join('absent' if text is None else size_text(len(text)) for text in pair)} @@"
            return
        before, after = ((text or b"").decode(errors="replace").splitlines(keepends=True) for text in pair)
        for line in list(unified_diff(before, after))[2:]:
            yield line.rstrip("\r\n")
            if not line.endswith("\n"):
                yield _NO_END


def plan_files(
    root: Path, fresh: Mapping[str, bytes], record: ProjectRecord, forced: Collection[str] = ()
) -> list[FileChange]:
    """Return the changes that bring the files of a project to `fresh`, the content of each generated file by path.

    A file that a person edited is left out where hindcast writes the same as when it was recorded: there is nothing new to it, unless its
    path is in `forced`. The name of the data set in `conf/config.yaml`, which `hindcast use` changes, stays, and counts as no edit.
    Raises ProjectError if something else is where a file must be.
    """
    changes = []
    for path in sorted({*fresh, *record.files}):
        before, after, recorded = _content(root / path), fresh.get(path), record.files.get(path)
        as_written = _renamed(path, before, record.answers.get("data_set"))
        is_unedited = as_written is not None and digest_of_bytes(as_written) == recorded
        if after is None:
            if is_unedited:
                changes.append(FileChange(path, before, None, OBSOLETE))
        elif as_written != after and (path in forced or digest_of_bytes(after) != recorded):
            kept_name = _renamed(path, after, _name_in(path, before))
            state = _state(is_absent=before is None, is_known=recorded is not None, is_unedited=is_unedited)
            changes.append(FileChange(path, before, kept_name, FORCED if path in forced else state))
    return changes


def _state(*, is_absent: bool, is_known: bool, is_unedited: bool) -> str:
    if is_absent:
        return REMOVED if is_known else NEW
    return WRITTEN if is_unedited else EDITED


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except (IsADirectoryError, NotADirectoryError):
        raise ProjectError(
            f"{path} must be a file, and what is in its place is not: move it elsewhere."
        ) from None


def _name_in(path: str, content: bytes | None) -> str | None:
    """Return the data set that `conf/config.yaml` names; None for other files, and if it names none."""
    if Path(path) != CONFIG or content is None:
        return None
    try:
        return data_set_in(content)
    except HindcastError:
        return None


def _renamed(path: str, content: bytes | None, name: str | None) -> bytes | None:
    if content is None or name is None or _name_in(path, content) is None:
        return content
    return naming(content, name)
