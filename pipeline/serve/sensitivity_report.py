"""The files of `hindcast sensitivity`: reports/sensitivity.json and reports/sensitivity.html, and its lines on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hindcast.pipeline.files import canonical_json, replace_file
from hindcast.pipeline.forecasters import FORECASTERS
from hindcast.pipeline.judge.metrics import number_format
from hindcast.pipeline.judge.scenario_page import ScenarioRow, ScenarioTable, scenario_page
from hindcast.pipeline.serve.sensitivity import ScenarioScore, SplitSensitivity
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import counted

REPORT, PAGE = Path("reports/sensitivity.json"), Path("reports/sensitivity.html")
FORMAT = "hindcast-sensitivity/1"


def write_sensitivity(found: Sequence[SplitSensitivity], params: Params, root: Path) -> None:
    """Write both files below `root`."""
    with replace_file(root / REPORT) as temporary:
        made = {"format": FORMAT, "splits": [_as_dict(part) for part in found]}
        temporary.write_text(canonical_json(made), encoding="utf-8")
    with replace_file(root / PAGE) as temporary:
        page = scenario_page(params.raw.data_set, [_table(part, params) for part in found])
        temporary.write_text(page, encoding="utf-8", newline="\n")


def sensitivity_lines(found: Sequence[SplitSensitivity], params: Params) -> Iterator[str]:
    """Yield a table for each split and target."""
    for part in found:
        table = _table(part, params)
        width = max(len(row.name) for row in table.rows) + 2
        yield ""
        yield f"  {table.title}{f' ({table.unit})' if table.unit else ''}; {'; '.join(table.notes)}"
        skill = f"{f'skill over {table.rival}':>34}" if table.rival else ""
        yield f"  {'scenario':<{width}}{'MAE':>12}{'change':>10}{skill}{'by the network':>16}"
        for row in table.rows:
            skill = f"{row.skill:>34}" if table.rival else ""
            yield f"  {row.name:<{width}}{row.mae:>12}{row.change:>10}{skill}{row.network:>16}"


def rival_of(part: SplitSensitivity) -> str:
    """Return the forecaster over which the skill is: the published forecast, or the best of the others; empty without any."""
    if "published" in part.unshifted:
        return "published"
    return min(part.unshifted, key=lambda name: part.unshifted[name], default="")


def _table(part: SplitSensitivity, params: Params) -> ScenarioTable:
    number = number_format(score.mae for score in part.scores)
    most = max((score.mae for score in part.scores if score.mae is not None), default=0.0)
    rows = [
        ScenarioRow(
            score.scenario.name,
            number(score.mae),
            _percent(_change(part, score)),
            _percent(_skill(part, score)),
            f"{score.network:.1%}",
            100 * (score.mae or 0) / most if most else 0.0,
        )
        for score in part.scores
    ]
    rival, notes = rival_of(part), [f"{counted(part.rows, 'row')} of {part.compared:,}"]
    if rival:
        notes.append(f"MAE of {FORECASTERS[rival].label}, unshifted: {number(part.unshifted[rival])}")
    unit = params.raw.values_of("realized")[part.target].unit
    label = FORECASTERS[rival].label if rival else ""
    return ScenarioTable(f"{part.split}, {part.target}", unit, label, tuple(notes), tuple(rows))


def _as_dict(part: SplitSensitivity) -> dict[str, Any]:
    return {
        "split": part.split,
        "target": part.target,
        "rows": part.rows,
        "rows_compared_by_evaluate": part.compared,
        "mae_unshifted": part.unshifted,
        "rival": rival_of(part),
        "largest_difference_to_evaluate": part.difference,
        "scenarios": [
            {
                "scenario": score.scenario.name,
                "kind": score.scenario.kind,
                "retrained": score.scenario.retrained,
                "source": score.scenario.source,
                "amount": score.scenario.amount or score.scenario.count,
                "mae": score.mae,
                "rmse": score.rmse,
                "change": _change(part, score),
                "skill": _skill(part, score),
                "share_by_network": score.network,
            }
            for score in part.scores
        ],
    }


def _change(part: SplitSensitivity, score: ScenarioScore) -> float | None:
    first = part.scores[0].mae
    return None if score.mae is None or not first else score.mae / first - 1


def _skill(part: SplitSensitivity, score: ScenarioScore) -> float | None:
    error = part.unshifted.get(rival_of(part))
    return None if score.mae is None or not error else 1 - score.mae / error


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:+.1f} %"
