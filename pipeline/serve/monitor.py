"""How the delivered forecasts and the inputs compare with what is normal: a function of forecasts, records, archive and files, without a clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hindcast.pipeline.arrays import TIME_MAX, Flags, Floats
from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.files import write_json
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.judge.values_at_age import truth_value
from hindcast.pipeline.serve.alarms import Alarm, CheckSummary, raise_alarms
from hindcast.pipeline.serve.arrivals import BEFORE, Arrivals, read_arrivals
from hindcast.pipeline.serve.daily_inputs import Daily, read_daily
from hindcast.pipeline.serve.input_checks import check_inputs
from hindcast.pipeline.serve.input_facts import InputFacts, facts_of
from hindcast.pipeline.serve.measured_rows import ForecastKeys, measure
from hindcast.pipeline.serve.monitor_page import write_page
from hindcast.pipeline.serve.monitor_reference import first_test_time, reference_differences
from hindcast.pipeline.serve.sequential import Evidence
from hindcast.pipeline.serve.served_rows import ServedRows, list_served, read_served
from hindcast.pipeline.serve.served_skill import (
    WORSE,
    JudgedRows,
    loss_differences,
    skill_evidence,
    skill_tables,
)
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import MANIFEST, newest_known, read_manifest, read_table
from hindcast.pipeline.wording import time_text

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "hindcast-monitor/1"
REPORT = Path("reports/monitor.json")
PAGE = Path("reports/monitor.html")

Condition = Literal["look", "worse", "unjudged"]
EXIT_CODES: Mapping[Condition, int] = {"look": 3, "worse": 4, "unjudged": 5}

_LONGEST = 3 * 366 * DAY  # of the reference: a season is compared with at most two earlier years
_CHRONOLOGICAL = {"chronological", "rolling_origin"}  # policies whose test split lies after all training


@dataclass(frozen=True)
class Findings:
    """The result: `report` is the content of monitor.json; `conditions` are those that hold of look, worse and unjudged."""

    report: dict[str, Any]
    conditions: frozenset[Condition]


def run_monitor(params: Params, root: Path, tables: Path, as_of: int | None) -> Findings:
    """Judge the forecasts and inputs of `root` at a moment (ns UTC; None: the newest known time in the files).

    `tables` are those of the raw files as they are now. Writes reports/monitor.json and reports/monitor.html. Raises
    MissingInputError if the tables have no rows, and FormatError if a forecast, a record or a part of the archive is damaged.
    """
    findings = judge_service(params, root, tables, as_of)
    write_page(root / PAGE, findings.report)
    write_json(root / REPORT, findings.report)
    return findings


def judge_service(params: Params, root: Path, tables: Path, as_of: int | None) -> Findings:
    """Return the findings of `run_monitor` without writing anything."""
    moment = newest_known(tables, _followed(params)) if as_of is None else as_of
    if moment is None:
        raise MissingInputError(f"{tables / MANIFEST} names no rows of a measured or forecast source.")
    window = params.monitor.days
    begin = moment - window * DAY
    clock = TIME_MAX if as_of is None else as_of
    served = read_served(root, params, begin + 1, moment, clock)
    inputs, rows = _judge_groups(params, tables, moment, served, _reference_end(params, root, begin))
    arrivals = read_arrivals(root, params, begin, clock, list_served(root, begin - BEFORE, moment))
    evidence = list(inputs.evidence)
    skills: dict[str, Any] = {}
    for target, judged in rows.items():
        rival = judged.rival()
        skills[target] = {"rival": rival, "over": skill_tables(judged, params.seed)}
        if rival is not None:
            reference = reference_differences(root, target, rival)
            evidence += skill_evidence(target, loss_differences(judged, rival), reference, rival)
    alarms, checks = raise_alarms(evidence, params.monitor.false_alarms, moment)
    alarms += [alarm for each in arrivals for alarm in each.alarms(params.monitor.tolerated_rows)]
    report = _report(params, moment, served, skills, inputs.facts, arrivals, alarms, checks)
    return Findings(report, frozenset(report["conditions"]))


def _followed(params: Params) -> tuple[str, ...]:
    """Return the sources whose rows arrive as time goes on."""
    return tuple(
        name for name, source in params.raw.table_sources.items() if source.role in {"realized", "forecast"}
    )


def _reference_end(params: Params, root: Path, begin: int) -> int:
    """Return the end of the days that are normal: the first step of the test split, or else the begin of the window (ns UTC)."""
    first = first_test_time(root) if params.split.policy in _CHRONOLOGICAL else None
    return begin if first is None else min(first, begin)


@dataclass(frozen=True)
class _Inputs:
    evidence: list[Evidence]
    facts: list[InputFacts]


def _judge_groups(
    params: Params, tables: Path, moment: int, served: ServedRows, reference_end: int
) -> tuple[_Inputs, dict[str, JudgedRows]]:
    """Check the inputs of each group and measure its forecasts; each table is read once."""
    inputs = _Inputs([], [])
    actual = np.full(len(served), np.nan)
    baseline = np.full((len(served), len(STORED)), np.nan)
    followed, chosen = _followed(params), params.align.groups
    manifest = read_manifest(tables)["sources"]
    groups = sorted({group for source in manifest.values() for group in source["groups"] if group})
    order = np.argsort(served.codes["group"], kind="stable")
    ends = np.cumsum(np.bincount(served.codes["group"], minlength=len(served.names["group"])))
    of_group = (
        dict(zip(served.names["group"], np.split(order, ends[:-1]), strict=True)) if len(served) else {}
    )
    for group in groups:
        if chosen is not None and group not in chosen:
            continue
        frames = _frames(params, tables, group)
        for name in followed:
            if name not in frames:
                continue
            daily = _daily(params, frames[name], name, group, moment, reference_end)
            if daily is not None:
                inputs.evidence.extend(check_inputs(daily))
                inputs.facts.append(facts_of(daily, frames[name]))
        at = of_group.get(group)
        if at is not None:
            found = measure(frames, params, group, _keys(served, at), moment)
            actual[at], baseline[at] = found.actual, found.baseline
    return inputs, {
        target: _judged_rows(params, served, target, actual, baseline, moment)
        for target in params.align.target
    }


def _frames(params: Params, tables: Path, group: str) -> dict[str, pd.DataFrame]:
    read = {source: read_table(tables, source, group) for source in params.raw.table_sources}
    return {source: frame for source, frame in read.items() if frame is not None}


def _daily(  # noqa: PLR0917 - which rows of which days
    params: Params, frame: pd.DataFrame, name: str, group: str, moment: int, reference_end: int
) -> Daily | None:
    return read_daily(
        frame,
        name,
        group,
        tuple(column for column in frame.columns if column in params.raw.sources[name].values),  # noqa: PD011
        moment=moment,
        window=params.monitor.days,
        longest=_LONGEST // DAY,
        reference_until=reference_end,
    )


def _keys(served: ServedRows, at: Any) -> ForecastKeys:
    series, target = (
        np.array(served.names[name], np.str_)[served.codes[name][at]] for name in ("series", "target")
    )
    return ForecastKeys(series, target, served.valid[at], served.origin[at])


def _judged_rows(  # noqa: PLR0917 - the forecasts of a target with what they are compared with
    params: Params, served: ServedRows, target: str, actual: Floats, baseline: Floats, moment: int
) -> JudgedRows:
    kept: Flags = served.where("target", target) & np.isfinite(actual) & np.isfinite(served.value)
    at = np.flatnonzero(kept)
    days = params.monitor.days
    others = {
        name: served.published[at] if name == "published" else baseline[at, STORED.index(name)]
        for name in dict.fromkeys(("published", *params.predict.limits))
    }
    return JudgedRows(
        group=served.codes["group"][at],
        groups=served.names["group"],
        day=days - 1 - (moment - served.origin[at]) // DAY,
        days=days,
        lead=served.lead[at],
        actual=actual[at],
        value=served.value[at],
        others=others,
    )


def _report(  # noqa: PLR0913, PLR0917 - the parts of the report
    params: Params,
    moment: int,
    served: ServedRows,
    skills: dict[str, Any],
    facts: list[InputFacts],
    arrivals: list[Arrivals],
    alarms: list[Alarm],
    checks: list[CheckSummary],
) -> dict[str, Any]:
    judged = bool(skills) and all(entry["rival"] is not None for entry in skills.values())
    holds: dict[Condition, bool] = {
        "look": bool(alarms),
        "worse": any(alarm.check == WORSE for alarm in alarms),
        "unjudged": not judged or not any(check.judged for check in checks if check.check == WORSE),
    }
    conditions = [name for name, does in holds.items() if does]
    return {
        "format": FORMAT,
        "data_set": params.raw.data_set,
        "as_of": time_text(moment),
        "window": str(params.monitor.window),
        "conditions": conditions,
        "alarms": [alarm.as_dict() for alarm in alarms],
        "forecasts": {
            "files": served.files,
            "origins_with_revisions": served.revised,
            "made_after_the_deadline": served.late,
            "rows": len(served),
            "methods": served.methods(),
        },
        "skill": skills,
        "checks": {check.check: check.as_dict() for check in checks},
        "inputs": _by_source(facts),
        "arrivals": {
            name: [each.as_dict() for each in arrivals if each.source == name]
            for name in dict.fromkeys(each.source for each in arrivals)
        },
        "settings": params.monitor.model_dump(mode="json") | {"truth": truth_value(params.evaluate.truth)},
    }


def _by_source(facts: list[InputFacts]) -> dict[str, Any]:
    sources: dict[str, list[InputFacts]] = {}
    for each in facts:
        sources.setdefault(each.source, []).append(each)
    return {name: InputFacts.joined(own).as_dict() for name, own in sources.items()}


def lines_of(findings: Findings) -> Iterator[str]:
    """Yield the lines of the summary that say what was found."""
    for alarm in findings.report["alarms"][:10]:
        yield alarm["text"]
    if (more := len(findings.report["alarms"]) - 10) > 0:
        yield f"{more} more alarms are in {REPORT}"
    if not findings.report["alarms"]:
        yield "nothing unusual"
    if "unjudged" in findings.conditions:
        yield "The skill cannot be judged: there are too few forecasts with measured values, or no evaluation to compare with."
