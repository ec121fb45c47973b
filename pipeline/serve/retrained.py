"""Networks retrained for scenarios of `sensitivity`: each in a folder of its own, from tables as they would be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hindcast.pipeline.arrays import TIME_MAX
from hindcast.pipeline.errors import AlignmentError, SettingsError, SplitError, TrainingError
from hindcast.pipeline.files import digest_of_file, remove_path, replace_folders, write_json
from hindcast.pipeline.serve.fit_key import fit_key
from hindcast.pipeline.serve.late_inputs import Scenario
from hindcast.pipeline.serve.past_fit import PastFit, run_fits
from hindcast.pipeline.serve.past_settings import stored_baselines
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import FORMAT, MANIFEST, TableWriter, read_manifest, read_table

WORK = Path(".hindcast/sensitivity")
ALL = "all"
_EVERY_ROW = TIME_MAX - 1  # no row is known later


@dataclass(frozen=True)
class Retrained:
    """The networks of scenarios (settings and folder), and the scenarios for which none can be trained, with the reason."""

    networks: dict[Scenario, tuple[Params, Path]]
    reasons: dict[str, str]


def choose_retrained(chosen: Sequence[Scenario], names: Sequence[str]) -> list[Scenario]:
    """Return the scenarios that `--retrain` names; raises SettingsError for a name that is none of them."""
    by_name = {scenario.name: scenario for scenario in chosen if scenario.kind != "recorded"}
    if unknown := [name for name in names if name != ALL and name not in by_name]:
        raise SettingsError(
            f"--retrain takes {ALL}, or the name of a scenario: {', '.join(by_name)}.",
            [f"found {name!r}" for name in unknown],
        )
    return [scenario for name, scenario in by_name.items() if ALL in names or name in names]


def retrain(params: Params, project: Path, scenarios: Sequence[Scenario]) -> Retrained:
    """Train a network for each scenario, with the settings of the project; one that is complete is not trained again.

    Data set, scaler and certificate are made anew from the changed tables. A training that was stopped goes on where it was.
    Where the changed tables give no data set to train on, there is none.
    """
    networks, reasons = {}, {}
    for scenario in scenarios:
        fit = _fit_of(params, project.resolve(), scenario)
        if scenario.kind == "missing" and params.raw.sources[scenario.source].role == "realized":
            reasons[scenario.name] = "without measured values there is nothing to learn from"
            continue
        try:
            if not fit.is_done:
                write_changed(project / "data/tables", scenario, fit.tables)
                run_fits([fit], project.resolve(), scenario.name)
        except (AlignmentError, SplitError, TrainingError) as fault:
            reasons[scenario.name] = fault.summary
        else:
            networks[scenario] = fit.params, fit.folder / "models"
        remove_path(fit.tables)
    return Retrained(networks, reasons)


def _fit_of(params: Params, project: Path, scenario: Scenario) -> PastFit:
    changed = [scenario.kind, scenario.source, scenario.count]
    own = _settings_of(stored_baselines(params), scenario)
    key = fit_key(own, project, digest_of_file(project / "data/tables" / MANIFEST), {"scenario": changed})
    folder = project / WORK / key
    return PastFit(folder, project, folder.with_name(f"{key}.tables"), own, _EVERY_ROW)


def _settings_of(params: Params, scenario: Scenario) -> Params:
    """Return the settings of changed tables: their known times follow no declared rule, so they count as stamped."""
    stamped = PublishedAt.model_validate({"column": "known_time", "format": "iso", "before_step": "allowed"})
    sources = {
        name: source.model_copy(update={"known": stamped}) if name == scenario.source else source
        for name, source in params.raw.sources.items()
    }
    return params.model_copy(
        update={
            "raw": params.raw.model_copy(update={"sources": sources}),
            "pack": params.pack.model_copy(update={"min_coverage": 0.0}),
        }
    )


def write_changed(tables: Path, scenario: Scenario, into: Path) -> None:
    """Write all tables to the folder `into` as they would be in a scenario; the other sources keep their bytes."""
    listing = read_manifest(tables)["sources"]
    with replace_folders(into) as (fresh,):
        sources: dict[str, Any] = {}
        for source, entry in listing.items():
            (fresh / source).mkdir()
            groups = dict(_tables_of(tables, source, entry["groups"], scenario, fresh))
            sources[source] = {**entry, "groups": groups}
        write_json(fresh / MANIFEST, {"format": FORMAT, "sources": sources})


def _tables_of(
    tables: Path, source: str, groups: dict[str, Any], scenario: Scenario, into: Path
) -> Iterator[tuple[str, dict[str, Any]]]:
    for group, entry in groups.items():
        path = into / entry["file"]
        if source != scenario.source:
            path.write_bytes((tables / entry["file"]).read_bytes())
            yield group, entry
            continue
        frame = read_table(tables, source, group)
        assert frame is not None
        changed = scenario.change({source: frame.reset_index(drop=True)})[source]
        if not len(changed):
            continue
        file = pq.ParquetFile(tables / entry["file"])
        schema = pa.schema([field.remove_metadata() for field in file.schema_arrow])
        rows = file.read().take(pa.array(changed.index.to_numpy()))
        place = schema.get_field_index("known_time")
        known = pa.array(changed["known_time"].to_numpy()).cast(schema.field(place).type)
        columns = [known if number == place else column for number, column in enumerate(rows.columns)]
        with closing(TableWriter(path, schema)) as writer:
            writer.write(pa.Table.from_arrays(columns, schema=schema))
        yield group, {**entry, "rows": writer.rows, "digest": digest_of_file(path)}
