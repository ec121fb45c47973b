"""The work of `replay` for the record of a forecast: it is made again from the same rows by the same network, and its bytes are compared."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.errors import HindcastError, SettingsError
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.learn.model_card import read_model_card
from hindcast.pipeline.serve.archive import Span, rows_seen
from hindcast.pipeline.serve.deliveries import content_of, forecast_table
from hindcast.pipeline.serve.fallback_intervals import PREDICTIONS
from hindcast.pipeline.serve.forecast_record import code_part, read_forecast_record
from hindcast.pipeline.serve.forecaster import ProjectForecaster
from hindcast.pipeline.serve.fresh_tables import fresh_tables
from hindcast.pipeline.serve.input_rows import InputRows, spans_of_origin
from hindcast.pipeline.serve.network_outputs import network_history
from hindcast.pipeline.serve.project_network import ProjectNetwork
from hindcast.pipeline.serve.replayed_intervals import replay_intervals
from hindcast.pipeline.serve.serving_folder import NETWORK, folder_of_network
from hindcast.pipeline.serve.tables_folder import write_tables
from hindcast.pipeline.serve.wanted_origins import Wanted
from hindcast.pipeline.settings.moments import to_moment
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.tables import read_table
from hindcast.pipeline.wording import counted, listed

Rows = Mapping[str, Mapping[str, pd.DataFrame]]


@dataclass(frozen=True)
class ReplayedForecast:
    """What a replay found: `difference` is empty if the forecast is equal, byte for byte, and then `notes` say what else changed since."""

    file: Path
    difference: str
    notes: tuple[str, ...] = ()


def replay_forecast(path: Path, raw: Path | None, tell: Callable[[str], None]) -> ReplayedForecast:
    """Make a forecast again from its record at `path`, in forecasts/ of a project, and compare it with the recorded digest.

    The rows are those of the archive, or where it lacks them, of the raw files as they are now, in the folder `raw` (default: raw.path of the record).
    The network is the recorded one, in models/ or below serving/. `tell` is called with a line for each step. Nothing in the project is changed. Raises MissingInputError or FormatError if
    the record, the network or the archive is missing or damaged.
    """
    record = read_forecast_record(path)
    root, file = path.absolute().parent.parent, path.with_name(str(record["file"]))
    changed = _changed_inputs(record, root)
    if changed:
        return ReplayedForecast(file, changed)
    params = _params_of(record, path, root, raw)
    plain = record.get("digest_without_intervals", record["digest"])
    with tempfile.TemporaryDirectory(prefix="hindcast-replay-") as folder:
        tables, difference = _tables_with_rows(record, params, root, Path(folder), tell)
        if difference:
            return ReplayedForecast(file, difference)
        forecaster = ProjectForecaster(
            params, root, tables, network=ProjectNetwork(params, folder_of_network(root, record["network"]))
        )
        wanted = Wanted(_origin_of(record), tuple(record["groups"]))
        rows = forecaster.without_intervals(wanted)
        rows, lacking = replay_intervals(record, params, root, rows, forecaster.settings, Path(folder), tell)
        coverages = params.evaluate.intervals if rows and rows[0].bounds is not None else ()
        table = forecast_table(rows, wanted.origin, forecaster.settings.quantiles, coverages)
        content = content_of(table, "csv" if file.suffix == ".csv" else "parquet")
    versions = _other_versions(record)
    due = plain if lacking else record["digest"]
    if hashlib.sha256(content).hexdigest() == due:
        if lacking and "intervals" in record:
            return ReplayedForecast(file, f"{lacking}; all other columns are equal", tuple(versions))
        if lacking:
            versions.append(lacking)
        edited = file.is_file() and digest_of_file(file) != record["digest"]
        difference = (
            f"{file} was changed after it was delivered. The replay is equal to the record." if edited else ""
        )
        return ReplayedForecast(file, difference, tuple(versions))
    how = _first_cell(file, record, content)
    cause = (
        f"; since then: {'; '.join(versions)}"
        if versions
        else "; model, rows, settings, code and libraries are the recorded ones"
    )
    return ReplayedForecast(file, f"{file.name} differs: {how}{cause}")


def _origin_of(record: Mapping[str, Any]) -> int:
    origin = to_moment(record["origin"])
    assert origin is not None
    return origin


def _changed_inputs(record: Mapping[str, Any], root: Path) -> str:
    """Say that the network, or what gives the quantiles of fallbacks, is another one; empty if they are the recorded ones."""
    models = folder_of_network(root, record["network"])
    card, digest = read_model_card(models), digest_of_file(models / NETWORK)
    errors = record.get("fallback_errors")
    if errors and (not (root / PREDICTIONS).is_file() or digest_of_file(root / PREDICTIONS) != errors):
        return f"other errors of the fallbacks: {PREDICTIONS} is not the file whose errors gave their quantiles: check it out as it was then"
    if digest == record["network"]:
        return ""
    same = " (trained on the same data)" if card["fingerprint"] == record["trained_on"] else ""
    return (
        f"other model: the forecast was made by a network with the digest {record['network'][:12]}, models/model.keras has {digest[:12]}{same}: "
        "check out models/ as it was then (git and `dvc checkout`), beside the archive"
    )


def _params_of(record: Mapping[str, Any], path: Path, root: Path, raw: Path | None) -> Params:
    given = {**record["settings"]["given"]}
    place = raw.absolute() if raw is not None else root / given["raw"]["path"]
    given["raw"] = {**given["raw"], "path": str(place)}
    if raw is not None and not raw.is_dir():
        raise SettingsError(f"--raw: {raw} is not a folder.")
    return check_params(given, str(path))


def _tables_with_rows(
    record: Mapping[str, Any], params: Params, root: Path, folder: Path, tell: Callable[[str], None]
) -> tuple[Path, str]:
    """Return a folder of tables that have the recorded rows, or how the rows differ."""
    settings = TrainSettings.model_validate(
        read_model_card(folder_of_network(root, record["network"]))["train"]
    )
    spans = spans_of_origin(params, record["groups"], _origin_of(record), network_history(settings))
    differences = []
    if record["archive"]:
        sources = params.raw.table_sources
        rows = {
            name: rows_seen(root, name, sources[name], count, spans)
            for name, count in record["archive"].items()
            if name in sources
        }
        differences = _other_rows(record, params, spans, rows)
        if not differences:
            write_tables(folder / "tables", sources, rows)
            tell(f"rows: {_count_text(record)}, from the archive")
            return folder / "tables", ""
    tables = None
    with suppress(HindcastError):
        tables = fresh_tables(params, folder)
    if tables is None:
        found = "; ".join(differences) or "the record refers to no archive"
        return folder, f"other rows: {found}; and the raw files cannot be read: name their folder with --raw"
    of_files = _other_rows(record, params, spans, _read(tables, params, spans))
    if not of_files:
        tell(f"rows: {_count_text(record)}, from the raw files")
        return tables, ""
    in_archive = f"in the archive {'; '.join(differences)}; " if differences else ""
    return folder, f"other rows: {in_archive}in the raw files {'; '.join(of_files)}"


def _read(tables: Path, params: Params, spans: Mapping[str, Span]) -> Rows:
    return {
        name: {group: frame for group in spans if (frame := read_table(tables, name, group)) is not None}
        for name in params.raw.table_sources
    }


def _other_rows(
    record: Mapping[str, Any], params: Params, spans: Mapping[str, Span], rows: Rows
) -> list[str]:
    """Name the sources whose rows are not the recorded ones, with their numbers."""
    found = InputRows(params, spans)
    for group in spans:
        found.add(group, {name: groups[group] for name, groups in rows.items() if group in groups})
    now, due = found.summary(), record["inputs"]
    return [
        f"{name} has {counted(now.get(name, {'rows': 0})['rows'], 'row')}"
        + (
            ", of other contents"
            if name in now and name in due and now[name]["rows"] == due[name]["rows"]
            else ""
        )
        + f" (the forecast: {due.get(name, {'rows': 0})['rows']:,})"
        for name in sorted({*now, *due})
        if now.get(name) != due.get(name)
    ]


def _count_text(record: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {each['rows']:,}" for name, each in record["inputs"].items()) or "none"


def _other_versions(record: Mapping[str, Any]) -> list[str]:
    """Name what computes a forecast and is another version now than in the record."""
    now = code_part()
    libraries = [
        f"{name} {before} -> {now['libraries'].get(name, 'absent')}"
        for name, before in record["libraries"].items()
        if now["libraries"].get(name) != before
    ]
    texts = [f"other libraries: {listed(libraries)}"] if libraries else []
    was, key = record["code"], now["code"]["key"]
    if was["key"].partition("-")[0] != key.partition("-")[0]:
        texts.append(
            f"other code: hindcast {was['version']} with the key {was['key'].partition('-')[0]} -> {now['code']['version']}, {key.partition('-')[0]}"
        )
    return texts


def _first_cell(file: Path, record: Mapping[str, Any], content: bytes) -> str:
    """Name the first cell that differs from the delivered file, if that is still as it was delivered."""
    if not file.is_file() or digest_of_file(file) != record["digest"]:
        return f"the delivered file is not here any more, so its cells cannot be compared (the replay has {len(content):,} bytes)"
    with tempfile.TemporaryDirectory(prefix="hindcast-replay-") as folder:
        made = Path(folder) / file.name
        made.write_bytes(content)
        read = pd.read_csv if file.suffix == ".csv" else pd.read_parquet
        before, now = read(file), read(made)
    if "digest_without_intervals" in record:  # without intervals, if they cannot be made again
        before = before[[name for name in before.columns if name in now.columns]]
    if len(before) != len(now) or list(before.columns) != list(now.columns):
        return f"{len(before):,} rows and {len(before.columns)} columns were delivered, the replay has {len(now):,} and {len(now.columns)}"
    for name in before.columns:
        one, other = before[name], now[name]
        differs = np.flatnonzero(~((one == other) | (one.isna() & other.isna())).to_numpy())
        if len(differs):
            row = int(differs[0])
            return f"{counted(len(differs), 'cell')} of the column {name}, the first in row {row + 1}: {one.iloc[row]} was delivered, the replay has {other.iloc[row]}"
    return "the cells are equal, the bytes of the file are not"
