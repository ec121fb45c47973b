"""The `raw` section: the format of the raw files, CSV or Parquet, per source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.anchor import AnchorOrAnchors, anchor_fault, phase_of
from hindcast.pipeline.settings.base import (
    DAY,
    SECOND,
    Duration,
    DurationOrDurations,
    Integer,
    Number,
    PositiveDuration,
    Section,
    ZoneOrZones,
)
from hindcast.pipeline.settings.coarser import CoarserPart, faults_of_coarser
from hindcast.pipeline.settings.confirmed import ConfirmedEvent
from hindcast.pipeline.settings.ensembles import faults_of_members, with_default_members
from hindcast.pipeline.settings.fields import (
    HEADER_TIMES,
    Character,
    Encodings,
    LeadField,
    NameLists,
    Pattern,
    Patterns,
    StampField,
    StampText,
    TextField,
    Texts,
    ValueField,
)
from hindcast.pipeline.settings.known import Always, AtIssuePlus, KnownField, PublishedAt
from hindcast.pipeline.settings.source_faults import RULES
from hindcast.pipeline.settings.stamp_grid import StampGrid
from hindcast.pipeline.settings.valid_part import faults_of_valid

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Role = Literal["forecast", "realized", "known"]

MISSING = (
    "", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "-nan", "NULL", "null", "None", "#N/A", "#NA", "<NA>", "-", "n/e",
)  # fmt: skip


class OffGrid(Section):
    """How timestamps off the grid of `raw.frequency` are used that are not finer data.

    - `round`: a timestamp at most this far from a time on the grid counts as that time; it is known no earlier than one
      step after the timestamp itself.
    - `rest`: other timestamps are quarantined; or `keep`: they count for the step that contains them, as readings taken at
      irregular times do, and are known no earlier than one step after themselves.
    """

    round: PositiveDuration | None = None
    rest: Literal["quarantine", "keep"] = "quarantine"


class Source(Section):
    """Files with the same format, and how each field of a row is read from them."""

    newer_fields: ClassVar[frozenset[str]] = frozenset({"member", "coarser"})
    read_in_part: ClassVar[bool] = True

    role: Role  # values published in advance, measured, or known for all time
    files: str | tuple[str, ...]  # one glob below raw.path, or several
    part_of: str | None = (
        None  # the source in whose tables the rows are stored: one forecast, several descriptions
    )
    separator: Character = ","  # between the cells of a line
    decimal: Literal[".", ","] = "."  # the decimal sign of numbers
    thousands: Literal[",", ".", " ", "'"] | None = None  # between three digits; a space is any kind
    around: Texts = ()  # texts next to a number that are ignored: %, MW, a currency
    negatives: Literal["brackets", "trailing"] | None = None  # (12.5) or 12.5- is -12.5
    quote: Character = '"'  # around a cell that contains separators
    encoding: Encodings = "utf-8"  # or a list: each file has the first one that fits all of its text
    skip_lines: Annotated[Integer, Field(ge=0, le=1_000_000)] = 0  # lines before the header
    skip_until: Pattern | None = None  # the header is the first line that it matches
    ignore_lines: Patterns = ()  # lines that are not rows: comments, units, totals
    names: NameLists | None = (
        None  # of the columns, if the files have no usable header; a list per number of columns
    )
    where: dict[str, Texts] = {}  # column: texts; rows with other texts belong to other sources
    group: TextField | None = None
    series: TextField | None = None  # omitted: the values hold for every series of the group
    member: TextField | None = None  # of an ensemble, whose values have statistics over members
    issue_time: StampField | None = None
    valid_time: StampField | None = None
    lead: LeadField | None = None
    known: KnownField = Always()  # omitted: known for all time, for role known only
    values: Annotated[dict[str, ValueField], Field(min_length=1)]
    spacing: PositiveDuration | None = None  # the distance of timestamps finer than the grid, if it is fixed
    coarser: tuple[CoarserPart, ...] = ()  # earlier rows that lie further apart
    off_grid: OffGrid = OffGrid()
    interpolate: PositiveDuration | None = (
        None  # the longest gap between timestamps of a vintage that is filled
    )
    missing: tuple[str, ...] = MISSING  # texts of cells without a value
    duplicates: Literal["quarantine", "first", "last"] = "quarantine"  # conflicts: all rows go, or one stays

    def groups_of_rules(self) -> tuple[Iterator[str], ...]:
        """Return the messages of the groups of rules."""
        return (
            _faults_of_times(self),
            _faults_of_known(self),
            *(rule(self) for rule in RULES),
            faults_of_members(self),
        )

    @classmethod
    def _complete(cls, given: Any) -> Any:
        return with_default_members(given)

    @property
    def has_members(self) -> bool:
        """Whether rows are members of an ensemble, named by a field or by the headings."""
        return self.member is not None or any(
            "member" in value.header_groups for value in self.values.values()
        )

    @property
    def sums_members(self) -> bool:
        """Whether values of members are accumulated: each member then has its own amounts, before statistics."""
        return self.has_members and any(value.accumulated for value in self.values.values())

    @property
    def globs(self) -> tuple[str, ...]:
        """The file patterns, always as a tuple."""
        return (self.files,) if isinstance(self.files, str) else self.files

    @property
    def is_wide(self) -> bool:
        """Whether values name their columns by a header pattern."""
        return any(value.header for value in self.values.values())

    @property
    def is_static(self) -> bool:
        """Whether rows have no valid time: they are attributes of a series, or of all series of a group."""
        return self.role == "known" and self.valid_time is None

    @property
    def has_issue(self) -> bool:
        """Whether rows have an issue time: a field, or the valid time minus the lead."""
        return self.issue_time is not None or (self.lead is not None and self.valid_time is not None)

    @property
    def stamp_texts(self) -> dict[str, StampText]:
        """The timestamps that the files contain, by the name of their setting."""
        fields = {"issue_time": self.issue_time, "valid_time": self.valid_time, "known": self.known}
        return {name: field for name, field in fields.items() if isinstance(field, StampText)}

    @property
    def declared_spacing(self) -> int | None:
        """The distance of timestamps in ns that the settings declare: `spacing`, or the length of the interval that a timestamp labels."""
        field = self.valid_time
        declared = self.spacing or (field and (field.step or (field.period and field.period.length)))
        return declared.ns if declared else None

    @property
    def header_time(self) -> str | None:
        """The part of the time that headings contain: time, period or lead; None if they contain no time."""
        found = frozenset[str]().union(*(value.header_groups for value in self.values.values()))
        return next((name for name in HEADER_TIMES if name in found), None)


class RawSettings(Section):
    """All sources of a data set, with their common grid and zone."""

    name: Name | None = None  # of the data set, as reports show it; none: the last folder of `path`
    path: str  # the folder of the raw files
    frequency: PositiveDuration  # the length of a step
    grid_offset: DurationOrDurations = Duration("0h", 0)  # where steps start: one for all groups, or by group
    anchor: AnchorOrAnchors | None = None  # the weekday or a date on which steps of several days start
    zone: ZoneOrZones = "UTC"  # of local times and days: one for all groups, or by group
    max_bad_fraction: Annotated[Number, Field(ge=0, le=1)] = 0.01  # the largest share of bad rows of a source
    sources: Annotated[dict[str, Source], Field(min_length=1)]
    newer_fields: ClassVar[frozenset[str]] = frozenset({"anchor"})
    read_in_part: ClassVar[bool] = True
    confirmed: tuple[ConfirmedEvent, ...] = ()  # genuine events, about which `ingest` does not warn

    @property
    def data_set(self) -> str:
        """The name of the data set: `name`, or the last folder of `path`."""
        return self.name or PurePath(self.path).name or self.path

    @property
    def shown_path(self) -> str:
        """`path` as outputs may show it: an absolute path differs from machine to machine, so only its last folder."""
        path = PurePath(self.path)
        return (path.name or "/") if path.is_absolute() or self.path.startswith("~") else self.path

    def groups_of_rules(self) -> tuple[Iterator[str], ...]:
        """Return the messages of the groups of rules."""
        of_grid = (self._faults(), self._anchor_faults(), self._grid_faults())
        return (*of_grid, self._source_faults(), self._confirmed_faults())

    def broken_fields(self) -> tuple[str, ...]:
        """Return the fields of the grid that break rules: what follows from such a grid means nothing."""
        rules = (self._faults(), self._anchor_faults(), self._grid_faults())
        named = zip(("frequency", "anchor", "grid_offset"), rules, strict=True)
        return tuple(name for name, faults in named if faults_of_valid(faults))

    def _faults(self) -> Iterator[str]:
        if self.frequency.days is None and DAY % self.frequency.ns:
            yield (
                "frequency must divide a day, or be whole local days written with d (1d, or 7d with `anchor`), found "
                f"{self.frequency}"
            )

    @property
    def table_sources(self) -> dict[str, Source]:
        """The sources with tables: all but those whose rows are `part_of` another."""
        return {name: source for name, source in self.sources.items() if source.part_of is None}

    def parts_of(self, name: str) -> dict[str, Source]:
        """Return the sources whose rows are in the tables of a source: itself, then its parts."""
        parts = {part: source for part, source in self.sources.items() if source.part_of == name}
        return {name: self.sources[name], **parts}

    def _confirmed_faults(self) -> Iterator[str]:
        values = sorted({value for source in self.sources.values() for value in source.values})
        for place, event in enumerate(self.confirmed):
            sources = list(self.table_sources)  # rows of a part are in the tables of the source that it names
            for name, given, allowed in (("source", event.source, sources), ("value", event.value, values)):
                if given is not None and given not in allowed:
                    yield f"confirmed.{place}.{name} must be one of {', '.join(allowed)}, found {given!r}"

    def _anchor_faults(self) -> Iterator[str]:
        anchors = self.anchor if isinstance(self.anchor, dict) else {"": self.anchor}
        for group, anchor in anchors.items():
            place = f"anchor.{group}" if group else "anchor"
            if fault := anchor_fault(anchor, self.frequency):
                yield f"{place}: {fault}"
            if group and isinstance(self.zone, dict) and group not in self.zone:
                yield f"{place} names a group without a zone in raw.zone ({', '.join(self.zone)}); correct its name"

    def _grid_faults(self) -> Iterator[str]:
        offsets = self.grid_offset if isinstance(self.grid_offset, dict) else {"": self.grid_offset}
        for group, offset in offsets.items():
            place = f"grid_offset.{group}" if group else "grid_offset"
            if offset.ns >= min(self.frequency.ns, DAY):
                most = (
                    "1d: `anchor` gives the day" if self.has_local_days else f"the frequency {self.frequency}"
                )
                yield f"{place} must be shorter than {most}, found {offset}"
            if group and isinstance(self.zone, dict) and group not in self.zone:
                yield f"{place} names a group without a zone in raw.zone ({', '.join(self.zone)}); correct its name"

    def _source_faults(self) -> Iterator[str]:
        for name, source in self.sources.items():
            if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
                yield f"names of sources may contain only letters, digits, _ and -, found {name!r}"
            for place, field in (("issue_time", source.issue_time), ("valid_time", source.valid_time)):
                if field and field.label == "last_day" and not self.has_local_days:
                    yield (
                        f"sources.{name}.{place}.label: last_day is for steps of whole days (1d, 7d): use `end`, found "
                        f"frequency {self.frequency}"
                    )
            pitch = StampGrid(self.frequency.ns, spacing=source.declared_spacing).pitch
            for fault in faults_of_coarser(source, pitch, in_days=self.has_local_days):
                yield f"sources.{name}.{fault}"
            length = source.off_grid.round
            if length is not None and 2 * length.ns >= pitch:
                most = f"{pitch // (2 * SECOND)}s, half of the distance of timestamps"
                yield f"sources.{name}.off_grid.round must be shorter than {most}, found {length}"

    def sources_of(self, role: Role) -> dict[str, Source]:
        """Return the sources of one role that have tables, in the order of the settings."""
        return {name: source for name, source in self.table_sources.items() if source.role == role}

    def values_of(self, role: Role) -> dict[str, ValueField]:
        """Return the values of one role; if several sources have a value, the first one describes it."""
        values: dict[str, ValueField] = {}
        for source in self.sources_of(role).values():
            for name, value in source.values.items():
                values.setdefault(name, value)
        return values

    def forecast_value(self, name: str, *, of_members: bool = False) -> str | None:
        """Return the name of the forecast value given as `value` or `source.value`; None if there is none.

        With `of_members`, a statistic over members (`power_mean`) counts as well, as the name of its value.
        """
        source, dot, value = name.rpartition(".")
        values = self.values_of("forecast")
        if dot:
            sources = self.sources_of("forecast")
            values = sources[source].values if source in sources else {}
        if of_members and value not in values:
            value, _, statistic = value.rpartition("_")
            return value if value in values and statistic in values[value].members else None
        return value if value in values else None

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones of all groups, each once, sorted."""
        return (self.zone,) if isinstance(self.zone, str) else tuple(sorted(set(self.zone.values())))

    @property
    def has_local_days(self) -> bool:
        """Whether steps are whole local days: the frequency is written in days."""
        return self.frequency.days is not None

    def offset_of(self, group: str) -> int:
        """Return how far after the multiples of the frequency the steps of a group start, in ns.

        Raises SettingsError if `anchor` is given by group and does not contain the group.
        """
        offset, anchor = self.grid_offset, self.anchor
        if isinstance(offset, dict):
            offset = offset.get(group, Duration("0h", 0))
        if isinstance(anchor, dict):
            if group not in anchor:
                raise SettingsError(
                    f"raw.anchor has no entry for the group {group!r}: add one, or exclude the group with align.groups."
                )
            anchor = anchor[group]
        return offset.ns + (phase_of(anchor, self.frequency) if anchor else 0)

    def stamp_grid(self, source: Source | None, group: str) -> StampGrid:
        """Return the steps of a group, and how the timestamps of a source fall into them (None: any on the grid)."""
        grid = self.grid_in(self.zone_of(group) or "UTC", self.offset_of(group))
        if source is None:
            return grid
        rule = source.off_grid
        return replace(
            grid,
            spacing=source.declared_spacing,
            rounding=rule.round.ns if rule.round else 0,
            keeps=rule.rest == "keep",
        )

    def grid_in(self, zone: str, offset: int) -> StampGrid:
        """Return the steps of the groups of a zone with a grid offset in ns."""
        return StampGrid(
            self.frequency.ns, offset, zone=zone if self.has_local_days and zone != "UTC" else None
        )

    @property
    def clocks(self) -> tuple[tuple[str, int], ...]:
        """The pairs of zone and grid offset (ns) that groups may have, each once, sorted."""
        anchored = self.anchor if isinstance(self.anchor, dict) else None
        if isinstance(self.zone, dict):
            named = [group for group in self.zone if anchored is None or group in anchored]
            return tuple(sorted({(self.zone[group], self.offset_of(group)) for group in named}))
        offsets = self.grid_offset if isinstance(self.grid_offset, dict) else {}
        named = ["", *offsets] if anchored is None else [*anchored]
        return tuple((self.zone, offset) for offset in sorted({self.offset_of(group) for group in named}))

    def zone_of(self, group: str) -> str | None:
        """Return the zone of a group; None if the mapping does not contain the group."""
        return self.zone if isinstance(self.zone, str) else self.zone.get(group)


def _faults_of_times(source: Source) -> Iterator[str]:
    given = [name for name in ("issue_time", "valid_time", "lead") if getattr(source, name) is not None]
    if given in (["issue_time"], []) and source.is_static:
        given = ["static"]
    if given in (["issue_time"], []) or len(given) == 3:
        yield "set valid_time or lead; with both, remove issue_time, which is computed from them"
    if given == ["lead"]:
        yield "lead is counted from issue_time or valid_time: set one of them"
    if source.interpolate and (source.role != "forecast" or not source.has_issue):
        yield "interpolate fills gaps inside a vintage: remove it, or use it in a forecast with an issue_time"
    if source.is_static and source.off_grid != OffGrid():
        yield "off_grid: values without a valid_time hold for all time, so remove `off_grid`"
    if source.role != "forecast" and (source.issue_time or source.lead):
        yield f"issue_time and lead are allowed only for role forecast: remove them, found role {source.role}"
    yield from _faults_of_order(source)
    if source.issue_time is not None and source.issue_time.period is not None:
        yield "issue_time: period is allowed only in valid_time: remove it"


def _faults_of_order(source: Source) -> Iterator[str]:
    if source.issue_time and source.issue_time.goes_by_order:
        yield f"issue_time: ambiguous: {source.issue_time.ambiguous} is allowed only in valid_time, by which rows are ordered; use another value"
    if source.valid_time and source.valid_time.goes_by_order and source.lead is not None:
        yield f"valid_time: ambiguous: {source.valid_time.ambiguous} is not allowed with a lead; remove the lead and set issue_time, or use another value"


def _faults_of_known(source: Source) -> Iterator[str]:
    if source.is_static and not isinstance(source.known, Always):
        yield "known: values without a valid_time hold for all time, so remove `known`"
    if source.role != "known" and isinstance(source.known, Always):
        yield f"known: required, except for role known, found role {source.role}"
    if source.role == "forecast" and not isinstance(source.known, AtIssuePlus | PublishedAt):
        for name in (name for name, value in source.values.items() if value.accumulated):
            yield f"values.{name}.accumulated: the leads of a vintage become known together: set known to at_issue_plus or a column"
    if isinstance(source.known, AtIssuePlus) and not source.has_issue:
        yield "known: at_issue_plus needs an issue_time: set issue_time, or use before_step, after_step or day"
