"""`reports/run.json`, the record of a run: what its results were made from, and the digests of all outputs.

Equal inputs give an equal record on every machine: it has no time, host, worker count or path outside the project.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hindcast.pipeline.digests import FileDigests
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.files import digest_of_value, read_json, write_json
from hindcast.pipeline.learn.network_size import count_parameters
from hindcast.pipeline.project.code_keys import code_keys, installed_version, library_versions
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset

RECORD = Path("reports/run.json")
FORMAT = "hindcast-run/1"
UNREAD = {"predict", "monitor", "refit"}  # sections of the settings that no stage reads
NETWORKS = Path("networks")  # where a project has networks of its own; `train` depends on the folder

OUTPUTS = {
    "ingest": (
        "data/tables",
        "data/quarantine",
        "reports/ingest.json",
        "reports/quality.json",
        "reports/flags.parquet",
    ),
    "pack": ("data/packed", "reports/pack.json", "reports/features.md"),
    "split": ("data/dataset.h5",),
    "scale": ("data/scaler.json",),
    "certify": ("reports/leaks.json",),
    "train": ("models", "reports/train"),
    "evaluate": (
        "reports/metrics.json",
        "reports/by_series.csv",
        "reports/predictions.parquet",
        "reports/plots",
        "reports/report.html",
    ),
}
"""The outputs whose digests are recorded, by stage: those on which a result depends, and the results.

Notes of incremental work (`data/notes`) and the constant output of `check` decide nothing and are left out; what `simulate`
writes is recorded as raw files.
"""


RawDigests = Mapping[str, Mapping[str, str]]
"""The SHA-256 of each raw file by source and by its path below raw.path; a member of an archive has that of its archive."""


def write_record(params: Params, root: Path, raw: RawDigests) -> dict[str, Any]:
    """Write the record of the run whose outputs lie below `root`, and return it; `raw` is what `raw_digests` returns."""
    files = _files_of_outputs(root)
    record = {
        "format": FORMAT,
        "data_set": params.raw.data_set,
        "raw": {name: _summary(digests) for name, digests in raw.items()},
        "settings": settings_section(params),
        "code": code_section(params, root),
        "libraries": libraries_section(),
        "certificate": _certificate_section(root, files["reports/leaks.json"]),
        "cost": _cost_section(root),
        "outputs": {name: _summary(digests) for name, digests in files.items()},
        "files": {"raw": raw, "outputs": files},
    }
    write_json(root / RECORD, record)
    return record


def raw_digests(root: Path) -> RawDigests:
    """Return the digests of the raw files as `ingest` noted them when it read them; none if it left no report.

    Raises FormatError if the report is damaged.
    """
    path = root / "reports/ingest.json"
    sources: Mapping[str, Any] = read_json(path)["sources"] if path.is_file() else {}
    return {
        name: {file: entry["sha256"] for file, entry in source["files"].items() if "sha256" in entry}
        for name, source in sources.items()
    }


def read_record(path: Path) -> dict[str, Any]:
    """Read a record; raises MissingInputError if it is missing, and FormatError if it is damaged, edited or of another format."""
    record: dict[str, Any] = read_json(path)
    if record.get("format") != FORMAT:
        raise FormatError(
            f"{path} has the format {record.get('format')!r}, not {FORMAT!r}: it is no record of a run, or one of another version."
        )
    return record


def settings_section(params: Params) -> dict[str, Any]:
    """Return all settings of the stages (`values`), those that the user gave (`given`), and a digest for all and for each section.

    `given` read again gives the same settings. An absolute raw.path is recorded by its last folder only, as the report shows it.
    """
    full, given = (
        params.model_dump(mode="json", by_alias=True, exclude_unset=only_set, exclude=UNREAD)
        for only_set in (False, True)
    )
    for values in (full, given):
        values["raw"]["path"] = params.raw.shown_path
    return {
        "digest": digest_of_value(full),
        "sections": {name: digest_of_value(value) for name, value in full.items()},
        "values": full,
        "given": given,
    }


def code_section(params: Params, root: Path) -> dict[str, Any]:
    """Return the version of hindcast, the key of the code of each stage that made the outputs, and the digests of the project's own networks if
    it trains one of them.
    """
    stages = [*(["simulate"] if params.simulate.sets else []), *OUTPUTS]
    networks = network_files(root) if params.train.model else {}
    return {"version": installed_version(), "stages": code_keys(stages), "networks": networks}


def network_files(root: Path) -> dict[str, str]:
    """Return the digests of the modules in `networks/` below `root`, by their paths."""
    paths = sorted((root / NETWORKS).rglob("*.py"))
    found = FileDigests().digest_all(paths)
    return {path.relative_to(root).as_posix(): found[path] for path in paths}


def libraries_section() -> dict[str, str]:
    """Return the version of Python, as in 3.12, and of every library that a stage imports."""
    python = ".".join(platform.python_version_tuple()[:2])
    stages = code_keys(OUTPUTS)  # those whose libraries are installed
    found = {name: number for stage in stages for name, number in library_versions(stage).items()}
    return {"python": python, **dict(sorted(found.items()))}


def output_files(root: Path, name: str, digests: FileDigests) -> dict[str, str]:
    """Return the digests of the files of an output by their paths below it (`.` for an output that is one file).

    Empty if the output is missing. Names that begin with a dot are left out: programs leave such files lying about.
    """
    path = root / name
    if path.is_file():
        return {".": digests.digest(path)}
    found = {
        file.relative_to(path).as_posix(): file
        for file in path.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
    }
    known = digests.digest_all(found.values())
    return {file: known[found[file]] for file in sorted(found)}


def _files_of_outputs(root: Path) -> dict[str, dict[str, str]]:
    digests = FileDigests.of_workspace(root)
    names = (name for of_stage in OUTPUTS.values() for name in of_stage)
    found = {name: output_files(root, name, digests) for name in names}
    digests.save()
    return found


def _summary(digests: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the number of files and one digest over their paths and contents; None if there are none."""
    if not digests:
        return None
    return {"files": len(digests), "digest": digests["."] if "." in digests else digest_of_value(digests)}


def _certificate_section(root: Path, digests: Mapping[str, str]) -> dict[str, Any] | None:
    path = root / "reports/leaks.json"
    if not path.is_file():
        return None
    leaks = read_json(path)
    return {
        "passed": leaks.get("passed"),
        "fingerprint": leaks.get("fingerprint"),
        "digest": digests["."],
    }


def _cost_section(root: Path) -> dict[str, Any]:
    """Return what training cost, in numbers that are the same on every machine."""
    history, data = root / "models/history.json", root / "data/dataset.h5"
    epochs: Mapping[str, Any] = read_json(history) if history.is_file() else {}
    with Dataset(data, check_shards=False) as dataset:
        rows = dataset.split("train").attributes.get("scored_count")
    return {
        "parameters": count_parameters(root / "models/model.keras"),
        "training_values": None if rows is None else int(rows),
        "epochs": len(epochs.get("epochs", ())),
        "best_epoch": epochs.get("best_epoch"),
    }
