"""Write report.html: one file without external resources, the answer first; same bytes for the same results."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hindcast.pipeline.files import canonical_json
from hindcast.pipeline.forecasters import FORECASTERS
from hindcast.pipeline.judge.answer import MOST_NAMES, Answer, answers_without
from hindcast.pipeline.judge.calibration import FEWEST, RECENT, WINDOW
from hindcast.pipeline.judge.costs import CostScores
from hindcast.pipeline.judge.metrics import common_format
from hindcast.pipeline.judge.plots import Plot
from hindcast.pipeline.judge.quality_check import QualityCheck
from hindcast.pipeline.judge.scores import Judgement, ScopedSkill, scope_name
from hindcast.pipeline.judge.skill import COVERAGE, DRAWS, FEWEST_DAYS, Estimate, block_days, verdict
from hindcast.pipeline.judge.statistics import WORST, Statistics
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.sections import CostSettings
from hindcast.pipeline.wording import listed, printable

_ROOM = Path(__file__).parent
_MOST_GROUPS = 40  # rows for groups in a table of skills; by_series.csv has all groups
_MOST_ROWS = 80  # rows of a table of facts
_MOST_ITEMS = 200  # of a list in one cell
_INTERVALS = {"window_days": WINDOW // DAY, "recent_days": RECENT // DAY, "fewest_errors": FEWEST}


@dataclass(frozen=True)
class Contents:
    """The content of the report. `facts` are JSON-like values by title, `settings` are the settings used.

    `data_set` is its name, and `raw_path` where its files lie, without folders that only this machine has.
    """

    data_set: str
    raw_path: str
    answers: list[tuple[Judgement, Answer]]
    judgements: list[Judgement]
    plots: list[Plot]
    plots_folder: Path
    quality: QualityCheck
    facts: Mapping[str, Any]
    settings: Mapping[str, Any]
    statistics: Sequence[Statistics] = ()
    costs: Sequence[CostScores] = ()
    cost: CostSettings | None = None


@dataclass(frozen=True)
class FactTable:
    """One table of texts; `hidden` is the number of rows that are not shown."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    hidden: int


def write_report(path: Path, contents: Contents) -> None:
    """Render the report to `path`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_ROOM),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        common_format=lambda scores: common_format(scores.values()),
        capitalize_first=lambda text: text[:1].upper() + text[1:],
        count=count_text,
        estimate=_estimate_texts,
        label=lambda name: FORECASTERS[name].label,
        listed=lambda names: listed(names, MOST_NAMES),
    )
    first = contents.answers[0][0].split if contents.answers else ""
    ordered = sorted(contents.judgements, key=lambda each: each.split != first)  # that of the answer
    page = environment.get_template("report.html.j2").render(
        data_set=contents.data_set,
        raw_path=contents.raw_path,
        css=(_ROOM / "report.css").read_text(encoding="utf-8"),
        answers=[(judgement, answer, answers_without(judgement)) for judgement, answer in contents.answers],
        quality=contents.quality,
        quality_tables=tabulate_facts(contents.quality.facts),
        judgements=ordered,
        **_statistics(contents, first),
        skills=[(judgement, *_skill_rows(judgement)) for judgement in ordered],
        plots=[(plot, _data_uri(contents.plots_folder / plot.file)) for plot in contents.plots],
        fact_tables=tabulate_facts(contents.facts),
        settings=canonical_json(contents.settings),
        draws=DRAWS,
        coverage=f"{100 * COVERAGE:g} %",
        longest_block=block_days(10**6),
        fewest_days=FEWEST_DAYS,
        **_INTERVALS,
    )
    spaces = "".join(sign for sign in set(page) if unicodedata.category(sign) == "Zs")
    path.write_text(printable(page, keep=f"\n\t{spaces}"), encoding="utf-8", newline="\n")


def _statistics(contents: Contents, first: str) -> dict[str, Any]:
    """Return what the sections on statistics and costs show, that of the split `first` first."""
    statistics, costs = (
        sorted(found, key=lambda each: each.split != first) for found in (contents.statistics, contents.costs)
    )
    return {"statistics": statistics, "worst": WORST, "costs": costs, "cost": contents.cost}


def tabulate_facts(facts: Mapping[str, Any]) -> list[FactTable]:
    """Make one table per title, followed by one table per list of mappings directly in it."""
    return [table for title, value in facts.items() for table in _iter_tables(title, value)]


def count_text(value: int) -> str:
    """Format an integer with a narrow no-break space between thousands."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _skill_rows(judgement: Judgement) -> tuple[list[tuple[str, ScopedSkill, str]], int]:
    """Return the rows to show (name, skill, verdict), worst groups first, and the number of groups not shown."""
    whole = [scoped for scoped in judgement.skills if scoped.scope != "group"]
    groups = [scoped for scoped in judgement.skills if scoped.scope == "group"]
    groups.sort(
        key=lambda scoped: (scoped.skill.mae.value is None, scoped.skill.mae.value or 0.0, scoped.index)
    )
    half = _MOST_GROUPS // 2
    shown = groups if len(groups) <= _MOST_GROUPS else [*groups[:half], *groups[-half:]]
    texts = {"better": "better", "worse": "worse", "open": "not proven"}
    rows = [
        (scope_name(judgement, scoped), scoped, texts[verdict(scoped.skill.mae)])
        for scoped in [*whole, *shown]
    ]
    return rows, len(groups) - len(shown)


def _estimate_texts(estimate: Estimate) -> list[str]:
    """Return the skill and its interval as two parts of a cell, which a narrow screen may stack."""
    if estimate.value is None:
        return ["no limit: the other has no error"] if estimate.is_beaten else ["none"]
    value = f"{100 * estimate.value:+.1f} %"
    if estimate.low is None or estimate.high is None:
        return [value]
    return [value, f"({100 * estimate.low:+.1f} to {100 * estimate.high:+.1f})"]


def _data_uri(path: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _iter_tables(title: str, value: Any) -> Iterator[FactTable]:
    inside = value if isinstance(value, Mapping) else {}
    lists = {key: item for key, item in inside.items() if _is_list_of_mappings(item)}
    rest = {key: item for key, item in inside.items() if key not in lists} if lists else value
    if rest or not lists:
        yield _limit_rows(title, ("what", "value"), list(_iter_leaves(rest, ())))
    for key, items in lists.items():
        heads = tuple(dict.fromkeys(head for item in items for head in item))
        rows = [tuple(_text(item[head]) if head in item else "" for head in heads) for item in items]
        yield _limit_rows(f"{title}: {key}", tuple(map(str, heads)), rows)


def _limit_rows(title: str, heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> FactTable:
    return FactTable(title, heads, rows[:_MOST_ROWS], max(0, len(rows) - _MOST_ROWS))


def _is_list_of_mappings(value: Any) -> bool:
    return (
        isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)
    )


def _iter_leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield (path of keys, text) of every value below `value`."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _iter_leaves(item, (*path, str(key)))
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in value):
        for place, item in enumerate(value):
            yield from _iter_leaves(item, (*path, str(place)))
    else:
        yield " / ".join(path), _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return listed([_text(item) for item in value], _MOST_ITEMS)
    if isinstance(value, int):
        return count_text(value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)
