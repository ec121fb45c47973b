"""The work of `replay`: a recorded run is run again in an empty folder, and each output is compared with its recorded digest.

Nothing is written outside the empty folder. Stages run as programs of their own, by the code that made the run.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hindcast.pipeline.digests import FileDigests
from hindcast.pipeline.errors import FormatError, HindcastError, MissingInputError, SettingsError
from hindcast.pipeline.experiments.dvc_revisions import Revision, Revisions
from hindcast.pipeline.experiments.first_difference import describe_difference
from hindcast.pipeline.experiments.replay_code import Code, code_environment, find_code, find_networks
from hindcast.pipeline.experiments.replay_raw import RawSource, find_raw_files, is_simulated, place_raw_files
from hindcast.pipeline.experiments.run_record import OUTPUTS, RECORD, output_files, read_record
from hindcast.pipeline.files import digest_of_file, read_json
from hindcast.pipeline.settings.params import read_params
from hindcast.pipeline.settings.strict_yaml import yaml_text
from hindcast.pipeline.wording import counted

_LAST_LINES = 12  # of a stage that failed
_PARAMS = "params.yaml"


@dataclass(frozen=True)
class Recorded:
    """A record, the project to which it belongs, and where its outputs may still be: in that folder or in a revision's cache."""

    record: Mapping[str, Any]
    path: Path
    project: Path
    in_folder: bool
    revision: Revision | None
    digest: str  # DVC's digest (MD5) of the record's file

    def original(self, output: str, file: str, due: str) -> Path | None:
        """Return the file as the run wrote it, None if it is not there any more."""
        if self.in_folder:
            path = self.project / output if file == "." else self.project / output / file
            return path if path.is_file() and digest_of_file(path) == due else None
        if self.revision is None:
            return None
        with suppress(HindcastError):
            return self.revision.file(output, file)
        return None


@dataclass(frozen=True)
class Replayed:
    """What a replay found: `difference` is empty if all `outputs` outputs (`files` files) are equal, byte for byte."""

    folder: Path
    outputs: int
    files: int
    difference: str


def replay(
    name: str, root: Path, into: Path | None, raw: Path | None, tell: Callable[[str], None]
) -> Replayed:
    """Run a recorded run again and compare its outputs; `root` is the current workspace, `name` a record, a folder with one, or a revision.

    `into` is an absent or empty folder outside of `root`, by default a new one for temporary files. `raw` is the folder of the raw files, by
    default raw.path. `tell` is called with a line for each step. Raises MissingInputError, before anything runs, if raw files, code or
    libraries are not those of the run, and FormatError if the record is damaged or a stage fails.
    """
    with closing(_Opened(root)) as opened:
        recorded = opened.recorded(name)
        record, settings = recorded.record, recorded.record["settings"]["given"]
        files = {} if is_simulated(record["settings"]["values"]) else _raw_files(recorded, root, raw)
        folder = _empty_folder(into, root)
        work = folder.joinpath(*["workspace"] * max(1, _levels_up(settings["raw"]["path"])))
        try:
            work.mkdir(parents=True)
            find_networks(record, recorded.project, work)
            code = find_code(record, [recorded.project, root], folder / "code", recorded.digest)
        except HindcastError:
            for path in folder.iterdir():
                shutil.rmtree(path, ignore_errors=True)
            if into is None:
                folder.rmdir()
            raise
        tell(f"code: {code.text}")
        (work / _PARAMS).write_text(yaml_text(settings), encoding="utf-8")
        if files:
            place_raw_files(files, work / settings["raw"]["path"])
            tell(f"raw files: {counted(len(files), 'file')} with the recorded contents")
        difference = _run_stages(recorded, code, work, tell)
        outputs = record["files"]["outputs"]
        return Replayed(folder, len(outputs), sum(map(len, outputs.values())), difference)


class _Opened:
    """The place of a record; its revisions are opened only if a revision is named."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._revisions: Revisions | None = None

    def recorded(self, name: str) -> Recorded:
        path = self._root / name
        path = path / RECORD if path.is_dir() else path
        if path.is_file():
            is_output = path.parts[-2:] == RECORD.parts
            project = path.parent.parent if is_output else self._root
            return Recorded(read_record(path), path, project, is_output, None, _md5_of(path))
        if path.suffix == ".json" or (self._root / name).is_dir():
            raise MissingInputError(
                f"{path} is missing: name the reports/run.json of a run, a folder that has one, or a commit or experiment."
            )
        self._revisions = Revisions(self._root)
        revision = self._revisions.find(name)
        path = revision.file(RECORD.as_posix())
        return Recorded(read_record(path), path, self._root, False, revision, _md5_of(path))

    def close(self) -> None:
        if self._revisions is not None:
            self._revisions.close()


def _md5_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _empty_folder(into: Path | None, root: Path) -> Path:
    if into is None:
        return Path(tempfile.mkdtemp(prefix="hindcast-replay-"))
    folder = into.absolute()
    if folder.resolve().is_relative_to(root.resolve()):
        raise SettingsError(
            f"--into: {into} lies in the current workspace, which a replay does not change: name a folder elsewhere."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(f"--into: {into} must be absent or an empty folder.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _levels_up(path: str) -> int:
    """Return how many folders a relative path leads up."""
    depth = lowest = 0
    for part in Path(path).parts:
        depth += -1 if part == ".." else 1
        lowest = min(lowest, depth)
    return -lowest


def _raw_files(recorded: Recorded, root: Path, raw: Path | None) -> dict[str, Path]:
    if not recorded.record["files"]["raw"]:
        raise MissingInputError(
            "The record has no digests of raw files: reports/ingest.json was missing, or of another version, when `evaluate` ran. Run it again "
            "(`dvc repro`)."
        )
    path = str(recorded.record["settings"]["given"]["raw"]["path"])
    folder = raw
    if folder is None:
        folder = recorded.project / path
        if not folder.is_dir():  # the record has the last folder of an absolute path only
            with suppress(HindcastError, KeyError, TypeError):
                current = Path(read_params(root / _PARAMS)["raw"]["path"]).expanduser()
                folder = current if current.is_absolute() and current.name == Path(path).name else folder
    elif not folder.is_dir():
        raise SettingsError(f"--raw: {raw} is not a folder.")
    source = RawSource(folder if folder.is_dir() else None, recorded.project, path)
    return find_raw_files(recorded.record["files"]["raw"], source)


def _run_stages(recorded: Recorded, code: Code, work: Path, tell: Callable[[str], None]) -> str:
    """Run the stages one after another; return the first difference, or an empty text."""
    record = recorded.record
    if is_simulated(record["settings"]["values"]):
        _run_stage("simulate", code, work)
    for stage in OUTPUTS:
        _run_stage(stage, code, work)
        difference = next(_differences(recorded, stage, work), "")
        if difference:
            return difference
        count = sum(len(record["files"]["outputs"].get(name, {})) for name in OUTPUTS[stage])
        tell(f"{stage}: {counted(count, 'file')} equal")
    if read_record(work / RECORD) != record:
        how = describe_difference(recorded.path, work / RECORD, RECORD.suffix)
        return f"evaluate: {RECORD} differs: {how}"
    return next(_changed_since(recorded, work), "")


def _run_stage(stage: str, code: Code, work: Path) -> None:
    done = subprocess.run(  # noqa: S603  # fixed words
        [sys.executable, "-m", f"hindcast.stages.{stage}"],
        cwd=work,
        env=code_environment(code.folder),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()[-_LAST_LINES:]
        raise FormatError(
            f"The stage {stage} failed in {work} (exit code {done.returncode}); it printed:", lines
        )


def _differences(recorded: Recorded, stage: str, work: Path) -> Iterator[str]:
    """Yield the differences between the outputs of a stage and the record."""
    outputs = recorded.record["files"]["outputs"]
    if stage == "ingest":
        yield from _raw_differences(recorded.record, work)
    for output in OUTPUTS[stage]:
        due = outputs.get(output, {})
        found = output_files(work, output, FileDigests())
        for file in [*due, *(file for file in found if file not in due)]:
            if due.get(file) == found.get(file):
                continue
            name = output if file == "." else f"{output}/{file}"
            if file not in found:
                yield f"{stage}: {name} is missing in the replay"
            elif file not in due:
                yield f"{stage}: {name} is new in the replay"
            else:
                original = recorded.original(output, file, due[file])
                made = work / output if file == "." else work / output / file
                how = "the recorded file is not here any more, so its fields cannot be compared"
                if original is not None:
                    how = describe_difference(original, made, Path(name).suffix)
                yield f"{stage}: {name} differs: {how}"


def _raw_differences(record: Mapping[str, Any], work: Path) -> Iterator[str]:
    """Yield the generated raw files that differ; others were compared before anything ran."""
    found = read_json(work / "reports/ingest.json")["sources"]
    for source, files in record["files"]["raw"].items():
        now = {name: entry.get("sha256") for name, entry in found.get(source, {}).get("files", {}).items()}
        for name in [*files, *(name for name in now if name not in files)]:
            if files.get(name) != now.get(name):
                stage = "simulate" if is_simulated(record["settings"]["values"]) else "ingest"
                yield f"{stage}: raw file {name} of {source} differs"


def _changed_since(recorded: Recorded, work: Path) -> Iterator[str]:
    """Yield the outputs beside the record that are not the recorded ones, though the replay gave these."""
    if not recorded.in_folder:
        return
    for output, due in recorded.record["files"]["outputs"].items():
        for file, digest in due.items():
            here, made = (
                folder / output if file == "." else folder / output / file
                for folder in (recorded.project, work)
            )
            if here.is_file() and digest_of_file(here) != digest:
                how = describe_difference(made, here, here.suffix)
                yield (
                    f"{here} was changed after the run: {how} of the replay. The replay is equal to the record in every file."
                )
