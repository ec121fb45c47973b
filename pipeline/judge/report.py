"""report.html: one file without outer resources, the honest answer first; the same bytes for the same results."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.files import canonical_json
from pipeline.judge.answer import Answer, named
from pipeline.judge.judging import Judgement, Scoped
from pipeline.judge.metrics import rounded
from pipeline.judge.plots import Plot, scope_name
from pipeline.judge.skill import COVERAGE, DRAWS, Gain, block_days, verdict
from pipeline.judge.table import REFERENCES

_ROOM = Path(__file__).parent
_MOST_GROUPS = 40  # rows of a skill table for groups; by_series.csv holds all
_MOST_FACTS = 80


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
    environment.filters.update(number=rounded, count=_count, gain=_gain, name=named)
    page = environment.get_template("report.html.j2").render(
        css=(_ROOM / "report.css").read_text(encoding="utf-8"),
        answers=contents.answers,
        judgements=ordered,
        references=REFERENCES,
        skills=[(judgement, *_skill_rows(judgement)) for judgement in ordered],
        plots=[(plot, _embedded(contents.plots_folder / plot.file)) for plot in contents.plots],
        facts=[(title, *_facts(value)) for title, value in contents.facts.items()],
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


def _facts(value: Any) -> tuple[list[tuple[str, str]], int]:
    """(path, text) of the leaves of a JSON-like value, and how many there are beyond those shown."""
    leaves = list(_leaves(value, ()))
    return leaves[:_MOST_FACTS], max(0, len(leaves) - _MOST_FACTS)


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
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, int):
        return _count(value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _count(value: int) -> str:
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _gain(gain: Gain) -> str:
    if gain.value is None:
        return "none"
    if gain.low is None or gain.high is None:
        return f"{100 * gain.value:+.1f} %"
    return f"{100 * gain.value:+.1f} % ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"


def _embedded(path: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _visible(page: str) -> str:
    """The page with control characters spelled out: HTML allows none but these two white ones."""
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" or sign.isspace() else repr(sign)[1:-1] for sign in page
    )
