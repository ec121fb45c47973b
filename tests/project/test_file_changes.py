"""What an upgrade does to a file, for every state of the file, of the record and of what hindcast writes."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from hindcast.pipeline.errors import ProjectError
from hindcast.pipeline.project.data_set_choice import choose_data_set
from hindcast.pipeline.project.file_changes import (
    EDITED,
    FORCED,
    NEW,
    OBSOLETE,
    REMOVED,
    WRITTEN,
    FileChange,
    plan_files,
)
from hindcast.pipeline.project.project_record import ProjectRecord, digest_of_bytes

OLD, FRESH, OWN = b"old\n", b"fresh\n", b"own\n"


def expected(before: bytes | None, recorded: bytes | None, after: bytes | None) -> str | None:
    """The rule, case by case."""
    if before == after:
        return None  # as it must be, or absent as it must be
    if after is None:
        return OBSOLETE if before == recorded else None  # an edited file stays
    if recorded == after:
        return None  # a person changed or removed it, and hindcast has nothing new
    if before is None:
        return REMOVED if recorded is not None else NEW
    return WRITTEN if before == recorded else EDITED


@pytest.mark.parametrize(
    ("before", "recorded", "after"),
    [*product([None, OLD, FRESH, OWN], [None, OLD, FRESH], [None, OLD, FRESH])],
)
def test_the_rule_holds_in_every_state(
    tmp_path: Path, before: bytes | None, recorded: bytes | None, after: bytes | None
) -> None:
    if before is not None:
        (tmp_path / "a").write_bytes(before)
    fresh = {} if after is None else {"a": after}
    record = ProjectRecord(files={} if recorded is None else {"a": digest_of_bytes(recorded)})
    found = plan_files(tmp_path, fresh, record)
    if after is None and recorded is None:
        assert found == []  # not a generated file
        return
    state = expected(before, recorded, after)
    assert found == ([] if state is None else [FileChange("a", before, after, state)])
    assert not any(change.is_edited for change in found) or state in {EDITED, REMOVED}
    forced = plan_files(tmp_path, fresh, record, {"a"})
    if after is not None:
        assert forced == ([] if before == after else [FileChange("a", before, after, FORCED)])


def test_the_name_of_the_data_set_stays_and_is_no_edit(project: Path) -> None:
    path = "conf/config.yaml"
    written = (project / path).read_bytes()
    record = ProjectRecord(answers={"data_set": "simulated"}, files={path: digest_of_bytes(written)})
    choose_data_set(project, "opsd")
    named = (project / path).read_bytes()
    assert plan_files(project, {path: written}, record) == []
    fresh = written.replace(b"seed: 7", b"seed: 8")
    after = named.replace(b"seed: 7", b"seed: 8")
    assert plan_files(project, {path: fresh}, record) == [FileChange(path, named, after, WRITTEN)]
    (project / path).write_bytes(named + b"# mine\n")
    assert plan_files(project, {path: fresh}, record) == [
        FileChange(path, named + b"# mine\n", after, EDITED)
    ]
    (project / path).write_bytes(b"defaults: [\n")
    (change,) = plan_files(project, {path: fresh}, record)
    assert (change.after, change.state) == (fresh, EDITED)


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(ProjectError, match="must be a file"):
        plan_files(tmp_path, {"a": FRESH}, ProjectRecord())
    (tmp_path / "b").write_bytes(OWN)
    with pytest.raises(ProjectError, match="must be a file"):
        plan_files(tmp_path, {"b/c": FRESH}, ProjectRecord())


def test_a_diff_is_that_of_diff(tmp_path: Path) -> None:
    assert [*FileChange("a", b"1\n2\n", b"1\n3\n").diff()] == [
        "--- a",
        "+++ a",
        "@@ -1,2 +1,2 @@",
        " 1",
        "-2",
        "+3",
    ]
    assert [*FileChange("a", None, b"1").diff()] == [
        "--- /dev/null", "+++ a", "@@ -0,0 +1 @@", "+1", "\\ No newline at end of file",
    ]  # fmt: skip
    assert [*FileChange("a", b"1\r\n", None).diff()] == ["--- a", "+++ /dev/null", "@@ -1 +0,0 @@", "-1"]
    assert [*FileChange("a", b"\0" * 2048, b"\0").diff()] == ["--- a", "+++ a", "@@ 2 KiB -> 1 B @@"]
    assert [*FileChange("a", None, b"PK\0").diff()][-1] == "@@ absent -> 3 B @@"
