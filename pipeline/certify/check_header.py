"""Check `labels`: names, units, masks and parts of the columns, and the grid of the files, follow from the settings.

Readers rely on them: a mask index decides which values count as missing, a part and a unit decide which features have
a scale per series, and a network is given its inputs by part.
"""

from __future__ import annotations

from collections.abc import Iterator

from hindcast.pipeline.certify.as_known import column_names
from hindcast.pipeline.certify.expected_columns import feature_inputs, realized_parts
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset

_REPACK = "run the stages `pack` and `split` again"

Label = tuple[str, str]
"""Unit and part of a feature."""


def check_header(dataset: Dataset, params: Params) -> CheckResult:
    """Compare the labels of dataset.h5, which its shards must share, with the labels that the settings give."""
    result = CheckResult(
        "labels", "names, units, masks and parts of the columns are those that the settings give"
    )
    due = dict(expected_labels(params))
    stored = {
        name: (unit, part, int(mask))
        for name, unit, part, mask in zip(
            dataset.features, dataset.feature_units, dataset.feature_parts, dataset.feature_masks, strict=True
        )
    }
    masks = {f"{name}_missing": name for name in due if f"{name}_missing" in stored}
    for name, (unit, part, mask) in stored.items():
        result.count_checked()
        if name not in due and name not in masks:
            result.add_violation(f"{name}: no setting requests this feature; {_REPACK}")
            continue
        expected = due[name] if name in due else ("1", due[masks[name]][1])
        _compare(result, f"the unit of {name}", unit, expected[0])
        _compare(result, f"the part of {name}", part, expected[1])
        wanted = f"{name}_missing" if name in due and f"{name}_missing" in stored else None
        found = dataset.features[mask] if 0 <= mask < len(dataset.features) else None if mask == -1 else mask
        _compare(result, f"the mask of {name}", found, wanted)
    for name in sorted(due.keys() - stored.keys()):
        result.add_violation(
            f"{name}: the settings request this feature, but the files do not have it; {_REPACK}"
        )
    units = dict(zip(dataset.targets, dataset.target_units, strict=True))
    targets = {name: _unit(params, _first_source(params, name), name) for name in params.align.target}
    _compare(result, "the targets and their units", units, targets)
    sources = {name for name, source in params.raw.table_sources.items() if source.role == "forecast"}
    _compare(result, "the forecast sources", sorted(dataset.sources), sorted(sources))
    _compare(result, "the length of a step in ns", dataset.frequency, params.raw.frequency.ns)
    _compare(result, "the number of steps in a sample", dataset.segment_length, params.pack.segment_length)
    return result


def expected_labels(params: Params) -> Iterator[tuple[str, Label]]:
    """Yield the name of each feature except masks, with its unit and part."""
    yield from _input_features(params)
    yield from _realized_features(params)
    for name, (sources, value) in feature_inputs(params, has_time=False):
        yield name, (_unit(params, sources[0], value), "static")
    for turn in params.align.features.calendar:
        yield from ((f"{turn}_{wave}", ("1", "calendar")) for wave in ("sin", "cos"))
    chosen = params.align.features.holidays
    for each in [*chosen.values()][:1] if isinstance(chosen, dict) else [chosen] if chosen else []:
        for kind in each.kinds:
            yield "holiday" if kind == "public" else "holiday_" + kind, ("1", "calendar")
    if params.align.features.lead:
        yield "lead", ("h", "calendar")
        yield from _vintage_leads(params)


def _input_features(params: Params) -> Iterator[tuple[str, Label]]:
    chosen = params.align.features
    for name, (sources, value) in feature_inputs(params):
        unit = _unit(params, sources[0], value)
        is_forecast = params.raw.table_sources[sources[0]].role == "forecast"
        part = "forecast" if is_forecast else "calendar"
        yield name, (unit, part)
        for later in range(1, chosen.ahead + 1):
            yield f"{name}_ahead_{later}", (unit, part)
        if is_forecast:
            for number in range(2, chosen.vintages + 1):
                yield f"{name}_vintage_{number}", (unit, part)
            for number in range(1, chosen.vintage_changes + 1):
                yield f"{name}_change_{number}", (unit, part)


def _vintage_leads(params: Params) -> Iterator[tuple[str, Label]]:
    read = {source for _, (sources, _) in feature_inputs(params) for source in sources}
    for name, source in params.raw.table_sources.items():
        if source.role == "forecast" and source.has_issue and name in read:
            for number in range(1, params.align.features.vintages + 1):
                own = f"{name}_vintage_lead" if number == 1 else f"{name}_vintage_{number}_lead"
                yield own, ("h", "forecast")


def _realized_features(params: Params) -> Iterator[tuple[str, Label]]:
    chosen = params.align.features
    for named, lags in chosen.lags.items():
        yield from _of_value(params, named, [f"lag_{lag}" for lag in lags])
    for named, count in chosen.recent.items():
        yield from _of_value(params, named, [f"recent_{number}" for number in range(1, count + 1)])
    for named, asked in chosen.rolling.items():
        pairs = [f"{statistic}_{window}" for window in asked.windows for statistic in asked.statistics]
        yield from _of_value(params, named, pairs)
    for target in params.align.published:
        yield from _of_value(
            params, target, [f"published_error_{window}" for window in chosen.published_error]
        )


def _of_value(params: Params, named: str, endings: list[str]) -> Iterator[tuple[str, Label]]:
    for part in realized_parts(params, named):
        unit = _unit(params, _first_source(params, named), part)
        yield from ((f"{part}_{ending}", (unit, "history")) for ending in endings)


def _first_source(params: Params, value: str) -> str:
    """Return the first source of measurements that has a value."""
    sources = params.raw.table_sources.items()
    return next(name for name, source in sources if source.role == "realized" and value in source.values)


def _unit(params: Params, source: str, column: str) -> str:
    """Return the unit of a column of X or Y that contains a value of a source: the sine and cosine of an angle have none."""
    values = params.raw.table_sources[source]
    if column in values.values:
        return values.values[column].unit
    name = next(name for name in values.values if column in column_names(values, name))
    return "1" if values.values[name].angle else values.values[name].unit  # else a statistic over members


def _compare(result: CheckResult, what: str, stored: object, due: object) -> None:
    if stored != due:
        result.add_violation(f"{what} is {stored!r}, but the settings give {due!r}: {_REPACK}")
