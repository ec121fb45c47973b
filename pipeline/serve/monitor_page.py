"""Write monitor.html: the findings as one file without external resources, in the style of report.html."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hindcast.pipeline.files import replace_file
from hindcast.pipeline.forecasters import FORECASTERS
from hindcast.pipeline.judge.report import count_text
from hindcast.pipeline.wording import printable

_ROOM = Path(__file__).parent
_CSS = _ROOM.parent / "judge" / "report.css"
_MOST_ALARMS = 200
_MOST_GROUPS = 40

_ANSWERS = {
    "worse": ("no", "The forecasts are worse than what they are compared with."),
    "look": ("open", "Something is unusual: look at it."),
    "unjudged": ("open", "The forecasts cannot be judged yet."),
    "ok": ("yes", "Nothing is unusual."),
}
_CHECKS = {
    "late": "rows of a series have not come for longer than in the reference",
    "delayed": "rows became known later after their time than in the reference",
    "revised": "more rows revise earlier ones than in the reference",
    "missing": "values are missing",
    "frozen": "all values of a day are equal",
    "outside": "values lie outside the range of the reference",
    "drifted": "daily means differ from the same season of earlier years",
    "worse": "the errors are larger than those of the other forecaster",
    "shifted": "the errors are larger, against the other forecaster, than in the test split",
}


def write_page(path: Path, report: Mapping[str, Any]) -> None:
    """Render the content of monitor.json to `path`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_ROOM),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        age=_age, count=count_text, label=_label, number=_number, skill=_skill_texts, time=_time_text
    )
    verdict = next((name for name in ("worse", "look", "unjudged") if name in report["conditions"]), "ok")
    page = environment.get_template("monitor.html.j2").render(
        report=report,
        kind=_ANSWERS[verdict][0],
        answer=_ANSWERS[verdict][1],
        unjudged="unjudged" in report["conditions"] and verdict != "unjudged",
        alarms=report["alarms"][:_MOST_ALARMS],
        hidden=max(0, len(report["alarms"]) - _MOST_ALARMS),
        checks=[(name, _CHECKS[name], entry) for name, entry in report["checks"].items()],
        skills=list(_skill_tables(report)),
        css=_CSS.read_text(encoding="utf-8"),
    )
    spaces = "".join(sign for sign in set(page) if unicodedata.category(sign) == "Zs")
    with replace_file(path) as temporary:
        temporary.write_text(printable(page, keep=f"\n\t{spaces}"), encoding="utf-8", newline="\n")


def _skill_tables(
    report: Mapping[str, Any],
) -> Iterator[tuple[str, str, list[tuple[str, Mapping[str, Any]]], int]]:
    """Yield target, other forecaster, the rows of its table, and the number of groups that are not shown."""
    for target, entry in report["skill"].items():
        for other, skill in entry["over"].items():
            rows = [("all rows", skill["all"])]
            rows += [
                (f"lead {_number(row['from_hours'])} to {_number(row['until_hours'])} h", row)
                for row in skill["by_lead"]
            ]
            groups = sorted(
                skill["by_group"],
                key=lambda row: (row["mae"]["value"] is None, row["mae"]["value"], row["group"]),
            )
            rows += [(row["group"], row) for row in groups[:_MOST_GROUPS]]
            yield target, other, rows, max(0, len(groups) - _MOST_GROUPS)


def _label(name: str) -> str:
    return FORECASTERS[name].label if name in FORECASTERS else name


def _age(truth: Any) -> str:
    """Return which revision of measured values counts, in words."""
    return (
        f"the {truth} revision"
        if isinstance(truth, str)
        else f"the one known {truth['after']} after the end of the step"
    )


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _time_text(text: str) -> str:
    """Return a time with a space for its T, which may break on a narrow screen."""
    return text.replace("T", " ").removesuffix(":00Z").removesuffix("Z") + " UTC"


def _skill_texts(estimate: Mapping[str, Any]) -> list[str]:
    """Return the skill and its interval as two parts of a cell, which a narrow screen may stack."""
    if estimate["value"] is None:
        return ["no limit: the other has no error"] if estimate["is_beaten"] else ["none"]
    value = f"{100 * estimate['value']:+.1f} %"
    if estimate["low"] is None or estimate["high"] is None:
        return [value]
    return [value, f"({100 * estimate['low']:+.1f} to {100 * estimate['high']:+.1f})"]
