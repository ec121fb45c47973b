"""A page that compares a network's errors in several scenarios, as tables with bars; same bytes for the same results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ROOM = Path(__file__).parent


@dataclass(frozen=True)
class ScenarioRow:
    """One scenario: its mean absolute error, the change against the first scenario, the skill, and the share of the network; texts.

    `width` is the length of its bar in percent.
    """

    name: str
    mae: str
    change: str
    skill: str
    network: str
    width: float


@dataclass(frozen=True)
class ScenarioTable:
    """The scenarios of one split and target; `rival` is the forecaster over which the skill is."""

    title: str
    unit: str
    rival: str
    notes: tuple[str, ...]
    rows: tuple[ScenarioRow, ...]


def scenario_page(data_set: str, tables: Sequence[ScenarioTable]) -> str:
    """Return the page as HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_ROOM),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = (_ROOM / "report.css").read_text(encoding="utf-8")
    return environment.get_template("scenarios.html.j2").render(data_set=data_set, tables=tables, css=css)
