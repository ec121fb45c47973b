"""The proof that forecasts in service are those that were evaluated: past origins, rebuilt from the files as they were known then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hindcast.pipeline.errors import FormatError, LeakError
from hindcast.pipeline.files import digest_of_file, write_json
from hindcast.pipeline.judge.interval_columns import interval_names
from hindcast.pipeline.learn.backend import check_libraries
from hindcast.pipeline.learn.model_card import check_network
from hindcast.pipeline.progress import progress
from hindcast.pipeline.serve.drawn_origins import Drawn, draw_origins, series_at
from hindcast.pipeline.serve.evaluated_rows import PredictionsOfTest
from hindcast.pipeline.serve.forecaster import ProjectForecaster
from hindcast.pipeline.serve.fresh_tables import fresh_tables
from hindcast.pipeline.serve.origin_proof import OriginProof
from hindcast.pipeline.serve.project_network import ProjectNetwork
from hindcast.pipeline.serve.rebuilt_files import RebuiltFiles
from hindcast.pipeline.serve.skew_findings import RULES, Findings, failure_lines, verdict
from hindcast.pipeline.serve.source_moments import assumption_lines, source_moments
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.recorded_settings import check_recorded_settings
from hindcast.pipeline.tables import read_manifest
from hindcast.pipeline.wording import counted, listed

FORMAT = "hindcast-service/1"
REPORT = Path("reports/service.json")

Series = Mapping[str, Sequence[str] | None]
"""By group, the series that are proven at an origin; None for all."""


def prove_service(params: Params, root: Path, count: int) -> list[str]:
    """Check `count` origins, write the report, and return lines on what was found; raises LeakError if a check did not pass."""
    report = check_service(params, root, count)
    write_service_report(root / REPORT, report)
    return list(summary_lines(report))


def check_service(params: Params, root: Path, count: int) -> dict[str, Any]:
    """Rebuild `count` origins of the test split as `predict` would have, and return what differs from the shards and the evaluation.

    The result is that of `reports/service.json`. Raises MissingInputError, FormatError or SettingsError if the outputs of the stages are
    missing or do not belong together, or if the raw files changed since `ingest`.
    """
    check_libraries()
    predictions = PredictionsOfTest(root / "reports/predictions.parquet")
    (root / ".hindcast").mkdir(exist_ok=True)
    with (
        Dataset(root / "data/dataset.h5") as dataset,
        TemporaryDirectory(prefix="service-check-", dir=root / ".hindcast") as scratch,
    ):
        check_network(root / "models", dataset, params.train)
        check_recorded_settings(dataset, params, scaler=root / "data/scaler.json")
        _check_same_intervals(params, predictions)
        tables = fresh_tables(params, root)
        _check_same_tables(tables, root / "data/tables")
        spans = predictions.spans()
        zones = {group: params.raw.zone_of(group) or "UTC" for group in spans}
        drawn = draw_origins(spans, zones, count)
        findings = Findings(_names_of_checks(params, dataset))
        forecaster = ProjectForecaster(params, root, tables, network=ProjectNetwork(params, root / "models"))
        names = _names_by_group(dataset)
        series = _series_at_origins(drawn, names)
        rows = predictions.rows_at(
            {
                (group, each.origin): some
                for each, of_group in zip(drawn, series, strict=True)
                for group, some in of_group.items()
            }
        )
        proof = OriginProof(forecaster, dataset, rows, predictions.deviations(), findings)
        proof.check_scaling(root / "data/scaler.json")
        files = RebuiltFiles(params, root, tables, Path(scratch), len(drawn))
        origins = _prove(drawn, series, files, proof)
        groups = sorted({group for each in drawn for group in each.groups})
        sources = source_moments(root, tables, params, groups, [each.origin for each in drawn] or [0])
        return {"series": _coverage(names, series)} | _report(root, dataset, findings, origins, sources)


def write_service_report(path: Path, report: dict[str, Any]) -> None:
    """Write the report, passed or not; then raise LeakError, with the first differences, if a check did not pass."""
    faults = report.pop("failures")
    write_json(path, report)
    if not report["passed"]:
        raise LeakError(
            f"Forecasts in service are not proven to be those that were evaluated: {report['verdict']}. {path} has the numbers by origin "
            "and group. If the files, settings or outputs changed since `evaluate`, run `dvc repro` first; differences that remain are "
            "between what the network was trained on and what it would be shown.",
            faults,
        )


def summary_lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that the command prints."""
    origins = report["origins"]
    changes = sum(each["clock_change"] for each in origins)
    cut = sum(each["files"] is not None for each in origins)
    yield f"{counted(len(origins), 'origin')} of the test split, {changes} of them at clock changes; raw files cut at {cut} of them"
    series = report["series"]
    if series["at_an_origin"] < series["all"]:
        yield (
            f"{series['proven']:,} of {series['all']:,} series, about {series['at_an_origin']:,} of them at each origin; "
            "more origins prove each series more often"
        )
    for check in report["checks"]:
        yield f"{check['name']}: {check['found']}"
    for name in ("from_evaluation_start", "from_context"):
        gaps = [
            group[name]["largest"]
            for each in origins
            for group in each["groups"]
            if group[name]["largest"] is not None
        ]
        if gaps:
            start = (
                "as evaluation starts it" if name == "from_evaluation_start" else "from train.context alone"
            )
            yield f"state {start}: largest difference {max(gaps):.2g} standard deviations"
    yield from report["assumptions"]
    yield report["verdict"]


def _names_by_group(dataset: Dataset) -> dict[str, list[str]]:
    """Return the ascending names of the series of each group."""
    table = dataset.sequences
    found: dict[str, set[str]] = {}
    for group, name in zip(table.group.tolist(), table.series.tolist(), strict=True):
        found.setdefault(str(group), set()).add(str(name))
    return {group: sorted(names) for group, names in found.items()}


def _series_at_origins(drawn: Sequence[Drawn], names: Mapping[str, Sequence[str]]) -> list[Series]:
    """Return the series that are proven at each origin; where a group has more, its next origin has the next ones."""
    turns: Counter[str] = Counter()
    found: list[Series] = []
    for each in drawn:
        found.append({group: series_at(turns[group], names.get(group, [])) for group in each.groups})
        turns.update(each.groups)
    return found


def _coverage(names: Mapping[str, Sequence[str]], series: Sequence[Series]) -> dict[str, int]:
    """Return the number of all series, of those proven at one origin or another, and of those proven at an origin on average."""
    proven = [
        {
            (group, name)
            for group, some in each.items()
            for name in (names.get(group, []) if some is None else some)
        }
        for each in series
    ]
    return {
        "all": sum(map(len, names.values())),
        "proven": len(set().union(*proven)),
        "at_an_origin": round(sum(map(len, proven)) / max(1, len(proven))),
    }


def _prove(
    drawn: list[Drawn], series: list[Series], files: RebuiltFiles, proof: OriginProof
) -> list[dict[str, Any]]:
    with progress("Proving origins", len(drawn), "origin") as advance:
        for number, (each, names) in enumerate(zip(drawn, series, strict=True)):
            proof.prove(each, names, partial(files.rebuild, number, each.origin, names))
            advance(1)
        return proof.finish()


def _names_of_checks(params: Params, dataset: Dataset) -> list[str]:
    """Return the checks that have something to compare by the settings."""
    left_out = set() if params.align.published else {"published"}
    left_out |= set() if dataset.sources else {"vintages"}
    left_out |= set() if params.evaluate.intervals else {"intervals"}
    return [name for name in RULES if name not in left_out]


def _report(
    root: Path,
    dataset: Dataset,
    findings: Findings,
    origins: list[dict[str, Any]],
    sources: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    checks = findings.checks
    declared = any(source["known"] == "declared" for source in sources.values())
    return {
        "format": FORMAT,
        "passed": all(check.passed for check in checks.values()),
        "verdict": verdict(checks, declared=declared),
        "assumptions": list(assumption_lines(sources, origins)),
        "fingerprint": dataset.fingerprint,
        "network": digest_of_file(root / "models/model.keras"),
        "checks": [check.as_json(name) for name, check in checks.items()],
        "sources": sources,
        "origins": origins,
        "failures": failure_lines(checks),
    }


def _check_same_intervals(params: Params, predictions: PredictionsOfTest) -> None:
    """Raise FormatError unless the evaluated forecasts have the intervals of `evaluate.intervals`."""
    due, found = interval_names(params.evaluate.intervals), predictions.bound_names
    if due and due != found:
        raise FormatError(
            f"reports/predictions.parquet has the intervals {listed(found) or 'none'}, evaluate.intervals asks for {listed(due)}: run the stage "
            "`evaluate` again."
        )


def _check_same_tables(fresh: Path, stored: Path) -> None:
    """Raise FormatError, with the tables that differ, unless the raw files give the tables from which the shards were packed."""
    now, then = (_digests(folder) for folder in (fresh, stored))
    differing = sorted(key for key in {*now, *then} if now.get(key) != then.get(key))
    if differing:
        names = [f"{source}, group {group!r}" for source, group in differing]
        raise FormatError(
            f"The raw files changed since the stage `ingest`, in {listed(names, 5)}: run `dvc repro` first, so that the shards and the "
            "evaluation belong to the files as they are now."
        )


def _digests(tables: Path) -> dict[tuple[str, str], str]:
    sources = read_manifest(tables)["sources"]
    return {
        (source, group): table["digest"]
        for source, entry in sources.items()
        for group, table in entry["groups"].items()
    }
