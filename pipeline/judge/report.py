"""report.html: one file without outer resources, the honest answer first; the same bytes for the same results."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hindcast.pipeline.files import canonical_json
from hindcast.pipeline.forecasters import REFERENCES
from hindcast.pipeline.judge.answer import Answer, named, some
from hindcast.pipeline.judge.metrics import Score, alike
from hindcast.pipeline.judge.plots import Plot
from hindcast.pipeline.judge.scores import Judgement, Scoped, scope_name
from hindcast.pipeline.judge.skill import COVERAGE, DRAWS, Gain, block_days, verdict

_ROOM = Path(__file__).parent


_MOST_GROUPS = 40  # rows of a skill table for groups; by_series.csv holds all


@dataclass(frozen=True)
class Contents:
    """What the report tells. `facts` are JSON-like values by title, `settings` the settings used."""

    answers: list[tuple[Judgement, Answer]]
    judgements: list[Judgement]
    plots: list[Plot]
    plots_folder: Path
    facts: Mapping[str, Any]
    settings: Mapping[str, Any]


def write_report(path: Path, contents: Contents) -> None:
    """Render the report."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_ROOM),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    first = contents.answers[0][0].split if contents.answers else ""
    ordered = sorted(
        contents.judgements, key=lambda judgement: judgement.split != first
    )  # the split of the answer
    environment.filters.update(alike=_alike, count=count, gain=_gain, name=named, some=some)
    page = environment.get_template("report.html.j2").render(
        css=(_ROOM / "report.css").read_text(encoding="utf-8"),
        answers=contents.answers,
        judgements=ordered,
        references=REFERENCES,
        skills=[(judgement, *_skill_rows(judgement)) for judgement in ordered],
        plots=[(plot, _embedded(contents.plots_folder / plot.file)) for plot in contents.plots],
        sheets=sheets_of(contents.facts),
        settings=canonical_json(contents.settings),
        draws=DRAWS,
        coverage=f"{100 * COVERAGE:g} %",
        longest_block=block_days(10**6),
    )
    path.write_text(_visible(page), encoding="utf-8", newline="\n")


def _skill_rows(judgement: Judgement) -> tuple[list[tuple[str, Scoped, str]], int]:
    """The rows shown (name, skill, verdict), worst groups first; and how many groups are not shown."""
    whole = [scoped for scoped in judgement.skills if scoped.scope != "group"]
    groups = [scoped for scoped in judgement.skills if scoped.scope == "group"]
    groups.sort(
        key=lambda scoped: (scoped.skill.mae.value is None, scoped.skill.mae.value or 0.0, scoped.index)
    )
    half = _MOST_GROUPS // 2
    shown = groups if len(groups) <= _MOST_GROUPS else [*groups[:half], *groups[-half:]]
    words = {"better": "better", "worse": "worse", "open": "not proven"}
    rows = [
        (scope_name(judgement, scoped), scoped, words[verdict(scoped.skill.mae)])
        for scoped in [*whole, *shown]
    ]
    return rows, len(groups) - len(shown)


def _alike(scores: Mapping[str, Score]) -> Callable[[float | None], str]:
    return alike(error for score in scores.values() for error in (score.mae, score.rmse))


def _gain(gain: Gain) -> list[str]:
    """The words of a cell that may stand one below the other: the skill, its interval."""
    if gain.value is None:
        return ["none"]
    value = f"{100 * gain.value:+.1f} %"
    if gain.low is None or gain.high is None:
        return [value]
    return [value, f"({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"]


def _embedded(path: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _visible(page: str) -> str:
    """The page with control characters spelled out: HTML allows none but these two white ones."""
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" or sign.isspace() else repr(sign)[1:-1] for sign in page
    )


_MOST_ROWS = 80


@dataclass(frozen=True)
class Sheet:
    """One table of words; `hidden` rows stand beyond those shown."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    hidden: int


def sheets_of(facts: Mapping[str, Any]) -> list[Sheet]:
    """A sheet for each title, followed by one for each list of mappings that stands directly in it."""
    return [sheet for title, value in facts.items() for sheet in _sheets(title, value)]


def count(value: int) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _sheets(title: str, value: Any) -> Iterator[Sheet]:
    inside = value if isinstance(value, Mapping) else {}
    lists = {key: item for key, item in inside.items() if _is_list_of_mappings(item)}
    rest = {key: item for key, item in inside.items() if key not in lists} if lists else value
    if rest or not lists:
        yield _cut(title, ("what", "value"), list(_leaves(rest, ())))
    for key, items in lists.items():
        heads = tuple(dict.fromkeys(head for item in items for head in item))
        rows = [tuple(_text(item[head]) if head in item else "" for head in heads) for item in items]
        yield _cut(f"{title}: {key}", tuple(map(str, heads)), rows)


def _cut(title: str, heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> Sheet:
    return Sheet(title, heads, rows[:_MOST_ROWS], max(0, len(rows) - _MOST_ROWS))


def _is_list_of_mappings(value: Any) -> bool:
    return (
        isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)
    )


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in value):
        for place, item in enumerate(value):
            yield from _leaves(item, (*path, str(place)))
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
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, int):
        return count(value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)
