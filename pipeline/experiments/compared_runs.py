"""The runs that `compare` compares: the workspace, folders, commits and experiments, each with its record, scores and predictions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hindcast.pipeline.digests import FileDigests
from hindcast.pipeline.errors import FormatError, HindcastError, MissingInputError, SettingsError
from hindcast.pipeline.experiments.dvc_revisions import Revision, Revisions
from hindcast.pipeline.experiments.run_record import RECORD, read_record, settings_section
from hindcast.pipeline.settings.params import check_params
from hindcast.pipeline.settings.strict_yaml import parse_yaml

WORKSPACE = "workspace"
METRICS, PREDICTIONS = "reports/metrics.json", "reports/predictions.parquet"
_PARAMS = "params.yaml"


@dataclass(frozen=True)
class Run:
    """A run with results: its name, what it is, its scores and predictions, and its record.

    `record` is None for a run of a version without records. `settings` are then those of its params.yaml, and None if they cannot
    be read.
    """

    name: str
    what: str
    metrics: Mapping[str, Any]
    predictions: Path
    record: Mapping[str, Any] | None
    settings: Mapping[str, Any] | None


@dataclass(frozen=True)
class Found:
    """The runs in the order in which they were named, and why others cannot be compared."""

    runs: list[Run]
    faults: list[str]


@contextmanager
def find_runs(root: Path, names: Sequence[str]) -> Iterator[Found]:
    """Yield the runs of these names; `root` is the project. The first one is what the others are compared with.

    A name is `workspace`, a folder with outputs, or a commit, branch, tag or experiment.
    """
    with closing(_Opened(root)) as project:
        runs, faults = list[Run](), list[str]()
        for name in names:
            try:
                runs.append(project.run(name))
            except HindcastError as fault:
                faults += [" ".join([fault.summary, *fault.faults])]
        yield Found(runs, faults)


class _Opened:
    """A project whose revisions are opened when the first one is asked for."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._revisions: Revisions | None = None

    def run(self, name: str) -> Run:
        if name == WORKSPACE:
            return _run_in_folder(self._root, WORKSPACE, "the outputs in this folder")
        if (folder := self._root / name).is_dir() and _reports_of(folder) is not None:
            return _run_in_folder(folder, name, "a folder")
        if self._revisions is None:
            self._revisions = Revisions(self._root)
        return _run_of_revision(self._revisions, self._revisions.find(name))

    def close(self) -> None:
        if self._revisions is not None:
            self._revisions.close()


def _reports_of(folder: Path) -> Path | None:
    """Return the folder of the reports: `reports/` of a workspace, or the folder itself (as of `evaluate --forecasts`)."""
    for reports in (folder / "reports", folder):
        if (reports / "predictions.parquet").is_file() or (reports / "metrics.json").is_file():
            return reports
    return None


def _run_in_folder(folder: Path, name: str, what: str) -> Run:
    reports = _reports_of(folder)
    missing = [
        file
        for file in ("metrics.json", "predictions.parquet")
        if reports is None or not (reports / file).is_file()
    ]
    if reports is None or missing:
        raise MissingInputError(
            f"{name} has no {' and no '.join(missing)}, which the stage `evaluate` writes: run `dvc repro`, or `dvc pull` what was run elsewhere."
        )
    record = read_record(reports / RECORD.name) if (reports / RECORD.name).is_file() else None
    if record is not None:
        _check_files(reports, record, name)
    metrics = _parsed((reports / "metrics.json").read_text(encoding="utf-8"), f"{name}: {METRICS}")
    params = folder / _PARAMS
    settings = _settings_of(record, params.read_text(encoding="utf-8") if params.is_file() else None)
    return Run(name, what, metrics, reports / "predictions.parquet", record, settings)


def _check_files(reports: Path, record: Mapping[str, Any], name: str) -> None:
    """Raise FormatError unless the scores and predictions are those that the record names."""
    digests = FileDigests()
    for output in (METRICS, PREDICTIONS):
        recorded = record["files"]["outputs"].get(output, {}).get(".")
        if recorded != digests.digest(reports / Path(output).name):
            raise FormatError(
                f"{name}: {output} is not the file that {RECORD} records, so it was changed after the run, or the run was interrupted: run the "
                "stage `evaluate` again."
            )


def _run_of_revision(revisions: Revisions, revision: Revision) -> Run:
    metrics = revision.file(METRICS)
    predictions = revision.file(PREDICTIONS)
    record = read_record(revision.file(f"{RECORD}")) if revision.outputs.get(f"{RECORD}") else None
    settings = _settings_of(record, None if record else revisions.text(revision.commit, _PARAMS))
    content = _parsed(metrics.read_text(encoding="utf-8"), f"{revision.name}: {METRICS}")
    return Run(revision.name, revision.label, content, predictions, record, settings)


def _settings_of(record: Mapping[str, Any] | None, text: str | None) -> Mapping[str, Any] | None:
    if record is not None:
        values: Mapping[str, Any] = record["settings"]["values"]
        return values
    if text is None:
        return None
    try:
        params = check_params(parse_yaml(text, _PARAMS), _PARAMS)
    except SettingsError:  # of another version
        return None
    section: Mapping[str, Any] = settings_section(params)["values"]
    return section


def _parsed(text: str, place: str) -> Mapping[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as fault:
        raise FormatError(f"{place} is damaged ({fault}): run the stage `evaluate` again.") from None
    if not isinstance(content, dict):
        raise FormatError(f"{place} is damaged: run the stage `evaluate` again.")
    return content
