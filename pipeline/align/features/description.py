"""One sentence a feature: from which source it comes and when it was known."""

from __future__ import annotations

from collections.abc import Mapping

from hindcast.pipeline.settings.align import Holidays, Statistic
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.known import AfterStep, Always, AtIssuePlus, BeforeStep, DayAt, KnownRule
from hindcast.pipeline.settings.params import Params

_WAVES = {"sin": "sine", "cos": "cosine"}
_STATISTICS: dict[Statistic, str] = {
    "mean": "mean",
    "std": "standard deviation",
    "min": "smallest value",
    "max": "largest value",
}


def of_input(params: Params, value: str, sources: tuple[str, ...]) -> str:
    """A forecast or known value of the step itself."""
    return f"{_origins_of(params, value, sources)}; {_choice(params, sources)} at the step's origin."


def of_vintage(params: Params, value: str, sources: tuple[str, ...], number: int) -> str:
    """An older vintage of the step itself; the newest is number 1."""
    return (
        f"{_origins_of(params, value, sources)}; the {_ordinal(number)} newest vintage of those known at the "
        "step's origin, by issue time."
    )


def of_change(params: Params, value: str, sources: tuple[str, ...], number: int) -> str:
    """The difference of two neighbouring vintages of the step itself."""
    newer = "newest" if number == 1 else f"{_ordinal(number)} newest"
    return (
        f"{_origins_of(params, value, sources)}; its {newer} vintage less the {_ordinal(number + 1)} newest, of those "
        "known at the step's origin, by issue time."
    )


def of_static(params: Params, value: str, sources: tuple[str, ...]) -> str:
    """An attribute that does not change with time."""
    return f"{_origins_of(params, value, sources)}; the same at every step of a series."


def of_holiday(chosen: Holidays | Mapping[str, Holidays]) -> str:
    """Whether the local day is a public holiday."""
    where = (
        _country(chosen) if isinstance(chosen, Holidays) else "the country that the settings give the group"
    )
    return (
        f"1 on public holidays of {where}, else 0, by the step's start in the group's zone; from the library holidays, "
        "taken as known for all time."
    )


def _country(chosen: Holidays) -> str:
    return chosen.country if chosen.subdivision is None else f"{chosen.country}-{chosen.subdivision}"


def of_ahead(params: Params, value: str, sources: tuple[str, ...], steps: int) -> str:
    """A forecast or known value of a later step."""
    return f"{_origins_of(params, value, sources)}, for the step {_steps(steps)} later; {_choice(params, sources)} at this step's origin."


def of_lag(params: Params, value: str, sources: tuple[str, ...], lag: Duration) -> str:
    """A realized value a fixed time before the step."""
    unit = "local days" if lag.days is not None else "of exact time"
    length = str(lag.days) if lag.days is not None else str(lag)
    return f"{_origins_of(params, value, sources)}, {length} {unit} before the step; as known at the step's origin."


def of_recent(params: Params, value: str, sources: tuple[str, ...], number: int) -> str:
    """One of the last realized values known at the origin."""
    newest = "the newest step with a value"
    if number > 1:
        newest = f"{_steps(number - 1)} before {newest}"
    return f"{_origins_of(params, value, sources)}, {newest}; as known at the step's origin."


def of_rolling(params: Params, value: str, sources: tuple[str, ...], what: tuple[Statistic, Duration]) -> str:
    """A statistic over the last steps known at the origin."""
    statistic, window = what
    return (
        f"The {_STATISTICS[statistic]} of {_origins_of(params, value, sources)}, over the {window} of steps that end "
        "with the newest step with a value; as known at the step's origin, missing if less than half of them are."
    )


def of_published_error(params: Params, target: str, sources: tuple[str, ...], window: Duration) -> str:
    """The mean error that the published forecast has lately made."""
    return (
        f"The mean of {_origins_of(params, target, sources)}, less the published forecast {params.align.published[target]} "
        f"as known at each step's own origin, over the {window} of steps that end with the newest step with a value; "
        "as known at this step's origin, missing if less than half of them are."
    )


def of_calendar(name: str) -> str:
    """A sine or cosine of the local clock or calendar."""
    part, wave = name.rsplit("_", 1)
    wave = _WAVES[wave]
    what = {"hour": "time of day", "weekday": "day of the week", "yearday": "day of the year"}[part]
    return f"The {wave} of the {what} at the step's start in the group's zone; known for all time."


def of_lead() -> str:
    """The prediction lead."""
    return "Hours from the step's origin to its start; known at the origin."


def of_vintage_lead(source: str, number: int = 1) -> str:
    """The age of a vintage."""
    which = "vintage used" if number == 1 else f"{_ordinal(number)} newest vintage"
    return f"Hours from the issue time of the {which} of source {source} to the step's start; known with the vintage."


def of_mask(name: str) -> str:
    """The feature that marks a missing one."""
    return f"1 where {name} was not known at the step's origin (and stands as 0), else 0."


def _origins_of(params: Params, value: str, sources: tuple[str, ...]) -> str:
    parts = [f"source {name} ({_known_text(params.raw.sources[name].known)})" for name in sources]
    text = f"{_named(params, value, sources[0])} from {parts[0]}"
    return text if len(parts) == 1 else f"{text}, else from {', else from '.join(parts[1:])}"


def _named(params: Params, value: str, source: str) -> str:
    if value in params.raw.sources[source].values:
        return value
    angle, _, wave = value.rpartition("_")
    return f"the {_WAVES[wave]} of {angle}"


def _ordinal(number: int) -> str:
    words = {2: "second", 3: "third"}
    return words.get(number) or f"{number}th"


def _choice(params: Params, sources: tuple[str, ...]) -> str:
    if params.raw.sources[sources[0]].role != "forecast":
        return "the newest revision known"
    rule = params.align.vintage
    filled = " that is not empty" if rule.take == "newest_filled" else ""
    age = f", at most {rule.max_age} old," if rule.max_age else ""
    return f"the newest vintage{filled}{age} known"


def _known_text(rule: KnownRule) -> str:
    if isinstance(rule, AtIssuePlus):
        return f"known {_after(rule.at_issue_plus)}its issue time"
    if isinstance(rule, AfterStep):
        return f"known {_after(rule.after_step)}the end of its step"
    if isinstance(rule, BeforeStep):
        return f"known {rule.before_step} before its step"
    if isinstance(rule, DayAt):
        zone = "in the group's zone" if rule.zone == "group" else rule.zone
        side = "before" if rule.day < 0 else "after"
        days = (
            f"{abs(rule.day)} local day{'s' if abs(rule.day) > 1 else ''} {side}"
            if rule.day
            else "on the day of"
        )
        return f"known at {rule.at} {zone} {days} its step"
    if isinstance(rule, Always):
        return "known for all time"
    return f"known at the stamp in its column {rule.column}"


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def _after(delay: Duration) -> str:
    return f"{delay} after " if delay.ns else "at "
