"""Ensemble forecasts: the statistics over the members of a source, and the rules of the settings that name them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator

STATISTICS = ("mean", "spread", "min", "max")
DEFAULT = ("mean", "spread")
"""The statistics over members that a value has if its settings name none."""

_QUANTILE = re.compile(r"^q([1-9]\d?)$")


def _check_statistic(name: str) -> str:
    if name not in STATISTICS and not _QUANTILE.match(name):
        raise ValueError(
            f"must be {', '.join(STATISTICS)}, or a quantile from q1 to q99 such as q10, found {name!r}"
        )
    return name


MemberStatistic = Annotated[str, AfterValidator(_check_statistic)]


def level_of(statistic: str) -> float | None:
    """Return the level of a quantile, such as 0.1 for q10; None if the statistic is not a quantile."""
    match = _QUANTILE.match(statistic)
    return int(match[1]) / 100 if match else None


def with_default_members(given: Any) -> Any:
    """Give every value of a source with members its default statistics, in settings before they are checked."""
    if not isinstance(given, dict) or not isinstance(given.get("values"), dict):
        return given
    values = given["values"]
    headers = [value.get("header") for value in values.values() if isinstance(value, dict)]
    has_members = given.get("member") is not None or any("(?P<member>" in str(header) for header in headers)
    if not has_members:
        return given
    return given | {
        "values": {
            name: {"members": list(DEFAULT)} | value if isinstance(value, dict) else value
            for name, value in values.items()
        }
    }


def faults_of_members(source: Any) -> Iterator[str]:
    """Yield a message for each rule on ensembles that a `raw.Source` breaks."""
    in_headings = {"member" in value.header_groups for value in source.values.values()}
    named = [name for name, value in source.values.items() if value.members]
    if not source.has_members:
        if named:
            yield (
                f"values.{named[0]}.members: the source has no members: set `member`, or a named group (?P<member>...) "
                "of the headers"
            )
        return
    if source.role != "forecast":
        yield f"member: only forecasts have members: remove it, or set role to forecast, found role {source.role}"
    if len(in_headings) > 1 or (in_headings == {True} and source.member and not source.member.is_of_headings):
        yield "member: set it to a column, path or constant, or name it (?P<member>...) in every header, not both"
    if in_headings == {False} and source.member is not None and source.member.is_of_headings:
        yield "member must be set to a column, a path or a constant, or be a named group (?P<member>...) of every header"
    if source.valid_time is not None and source.valid_time.goes_by_order:
        yield "valid_time: with members `ambiguous` cannot go by the order of rows; use another value"
    for name, value in source.values.items():
        if value.angle or value.flag or value.is_of_texts:
            yield f"values.{name}: statistics over members cannot be used with angle, flag, codes or time: remove them"
        if len(set(value.members)) < len(value.members):
            yield f"values.{name}.members must differ, found {', '.join(value.members)}"
