"""The checks of `certify --table`: was every value of a table made elsewhere known at the origin of its row?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hindcast.pipeline.arrays import TIME_MAX, Ints, Names, Times
from hindcast.pipeline.certify.findings import MOST_EXAMPLES, CheckResult
from hindcast.pipeline.certify.known_lookup import Wanted, check_bytes, open_source
from hindcast.pipeline.certify.step_clock import StepClock, step_clock
from hindcast.pipeline.certify.table_file import (
    Moments,
    TableFaults,
    TableFile,
    cell_text,
    is_missing,
    moments_of,
    numbers_of,
)
from hindcast.pipeline.certify.table_names import AMBIGUOUS, UNKNOWN, TableNames
from hindcast.pipeline.certify.table_options import SourceValue, TableQuestions
from hindcast.pipeline.certify.table_runs import Columns, SortedRows
from hindcast.pipeline.progress import progress
from hindcast.pipeline.settings.known import ALWAYS
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import listed, time_text

KNOWN_RULE = "the moment when a value was known is not after the origin of its row"
SOURCE_RULE = (
    "a value is one that its source had for that series and time, known at or before the origin of its row"
)
TABLES_RULE = "known times in the tables follow the source's `known` rule"

_FEATURE = "feature {}"
_FOLDER = "table_rows"


@dataclass
class FeatureResult:
    """What was found about a feature. `without_proof` counts values with neither a leak nor a proof."""

    name: str
    known: str | None = None
    source: SourceValue | None = None
    present: int = 0
    missing: int = 0
    without_proof: int = 0
    unproven: list[str] = field(default_factory=list)
    checks: dict[str, CheckResult] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rules = {"known": KNOWN_RULE, "source": SOURCE_RULE}
        asked = [name for name, given in (("known", self.known), ("source", self.source)) if given]
        self.checks = {name: CheckResult(name, rules[name]) for name in asked}

    @property
    def status(self) -> str:
        """`leaks`; `unproven` if nothing was asked or a value has no proof; else `proven`."""
        if any(not check.passed for check in self.checks.values()):
            return "leaks"
        return "proven" if self.checks and not self.without_proof else "unproven"

    def note_leaks(self, check: str, bad: Ints, show: Any) -> None:
        """Count violating rows, at places `bad` of a batch; `show(place)` describes one."""
        result = self.checks[check]
        room = MOST_EXAMPLES - len(result.examples)
        for place in bad[:room].tolist():
            result.add_violation(show(place))
        result.violations += max(0, len(bad) - room)

    def note_unproven(self, bad: Ints, show: Any) -> None:
        """Count rows without a proof."""
        room = MOST_EXAMPLES - len(self.unproven)
        self.unproven += [show(place) for place in bad[:room].tolist()]
        self.without_proof += len(bad)


@dataclass
class TableCheck:
    """Checks one table; `rows` counts all rows, `faults` and `features` hold what was found."""

    file: TableFile
    questions: TableQuestions
    names: TableNames
    params: Params
    rows: int = 0

    def __post_init__(self) -> None:
        asked = self.questions
        self.faults = TableFaults(self.file)
        self._seen: set[int] = set()
        self.tables = CheckResult("known_rule", TABLES_RULE)
        self.features = {
            name: FeatureResult(name, asked.known.get(name), asked.sources.get(name))
            for name in asked.features(self.file.names)
        }

    def run(self, tables: Path, manifest: Mapping[str, Any], scratch: Path) -> None:
        """Read the table once, then its rows in the order of series and time beside the tables of the sources."""
        with _emptied(scratch / _FOLDER) as folder:
            rows = SortedRows(folder)
            for columns in self.file.batches(self._columns()):
                self._take(columns, rows)
            sources = sorted({value.source for value in self.questions.sources.values()})
            places = {source: self._tables_of(tables, manifest, source) for source in sources}
            for source in sources:
                self._check_tables(places[source], source)
            with progress("certify", self.rows, "row") as advance:
                before = None
                for part in rows.ranges():
                    before = self._check_repeated(part, before)
                    for source in sources:
                        self._look_up(part, source, places[source])
                    advance(len(part["row"]))

    def _columns(self) -> list[str]:
        """The columns to read: keys, known moments, and the features with a proof."""
        asked = self.questions
        wanted = {
            "origin",
            "valid_time",
            "series",
            "group",
            *asked.known,
            *asked.known.values(),
            *asked.sources,
        }
        return [name for name in self.file.names if name in wanted]

    def _take(self, columns: Mapping[str, pa.Array], rows: SortedRows) -> None:
        """Check a batch of rows in the order of the file, and keep what the second pass needs."""
        count = len(columns["origin"])
        origin, valid = (self._moments(columns, name) for name in ("origin", "valid_time"))
        codes = self._codes(columns, count)
        known = codes >= 0
        self._seen.update(np.unique(self.names.group_of(codes[known])).tolist())
        timed = origin.sound & valid.sound
        late = timed & known
        late[late] = origin.times[late] > self._begins(codes[late], valid.times[late])
        self.faults.note(
            late, self.rows, "an origin after the valid_time",
            lambda place: f"origin {time_text(int(origin.times[place]))}, valid_time {time_text(int(valid.times[place]))}",
            "a forecast is made before its step",
        )  # fmt: skip
        stated = {
            name: self._moments(columns, name, needed=False)
            for name in dict.fromkeys(self.questions.known.values())
        }
        for name, column in self.questions.known.items():
            self._check_known(self.features[name], columns[name], stated[column], origin)
        values = {name: self._numbers(columns, name) for name in self.questions.sources}
        kept = np.flatnonzero(timed & known)
        rows.add({
            "series": codes[kept], "valid": valid.times[kept], "origin": origin.times[kept], "row": kept + self.rows,
            **{_FEATURE.format(name): column[kept] for name, column in values.items()},
        })  # fmt: skip
        self.rows += count

    def _moments(self, columns: Mapping[str, pa.Array], name: str, *, needed: bool = True) -> Moments:
        """Read a column of times and note its faults; if it is `needed`, no cell may be empty."""
        found = moments_of(columns[name])

        def cell(place: int) -> str:
            return f"{name} {cell_text(columns[name], place)}"

        if needed:
            self.faults.note(found.empty, self.rows, f"no time in {name}", cell, "each row needs one")
        self.faults.note(
            found.wrong, self.rows, f"text that is no time in {name}", cell, "write it as 2024-10-01T10:00Z"
        )
        self.faults.note(
            found.zoneless, self.rows, f"a time without a zone in {name}", cell,
            "add Z or an offset such as +01:00 to texts, and a time zone to a column of timestamps",
        )  # fmt: skip
        return found

    def _codes(self, columns: Mapping[str, pa.Array], rows: int) -> Ints:
        codes = self.names.numbers_of(columns, rows)

        def cell(place: int) -> str:
            given = [name for name in ("group", "series") if name in columns]
            return ", ".join(f"{name} {columns[name][place].as_py()!r}" for name in given)

        examples = listed([self.names.text(code) for code in range(min(len(self.names.keys), 6))], 5)
        self.faults.note(
            codes == UNKNOWN, self.rows, "an unknown series", cell, f"data/tables has {examples}"
        )
        self.faults.note(
            codes == AMBIGUOUS, self.rows, "a series that is in several groups", cell, "add the column group"
        )
        return codes

    def _numbers(self, columns: Mapping[str, pa.Array], name: str) -> Any:
        numbers, wrong = numbers_of(columns[name])
        self.faults.note(
            wrong, self.rows, f"no number in {name}", lambda place: f"{name} {columns[name][place].as_py()!r}",
            "leave the cell empty if there is none",
        )  # fmt: skip
        feature = self.features[name]
        if not feature.known:
            empty = int(np.isnan(numbers).sum())
            feature.missing += empty
            feature.present += len(numbers) - empty
        return numbers

    def _begins(self, codes: Ints, valid: Times) -> Times:
        """Return when the steps start; a step of local days is named by its date."""
        if not any(self._zones):
            return valid
        begins, zones = valid.copy(), self._zones[self.names.group_of(codes)]
        for zone in set(zones.tolist()) - {None}:
            own = zones == zone
            begins[own] = StepClock(0, zone=zone).opening(valid[own])
        return begins

    @cached_property
    def _zones(self) -> Names:
        """By group, the zone of its local days; None if its steps are no local days."""
        return np.array([step_clock(self.params, group).zone for group in self.names.groups], object)

    def _check_known(self, feature: FeatureResult, values: pa.Array, known: Moments, origin: Moments) -> None:
        """Compare the known moments that the table states with the origins."""
        missing = is_missing(values)
        feature.missing += int(missing.sum())
        feature.present += int((~missing).sum())
        check = feature.checks["known"]
        rows = np.flatnonzero(known.sound & origin.sound)
        bad = rows[check.count_margins(origin.times[rows] - known.times[rows])]
        start = self.rows

        def cell(place: int) -> str:
            return f"{self.file.place(start + place)}: {feature.name} is {cell_text(values, place)}"

        feature.note_leaks("known", bad, lambda place: (
            f"{cell(place)}, known at {time_text(int(known.times[place]))}, after the origin "
            f"{time_text(int(origin.times[place]))}"
        ))  # fmt: skip
        feature.note_unproven(
            np.flatnonzero(~missing & known.empty),
            lambda place: f"{cell(place)}, but {feature.known} is empty",
        )

    def _check_repeated(self, part: Columns, before: tuple[int, ...] | None) -> tuple[int, ...] | None:
        """Note rows with the series, valid time and origin of the row before; return the last key."""
        key = np.stack([part[name].astype(np.int64) for name in ("series", "valid", "origin")])
        if not key.shape[1]:
            return before
        same = np.zeros(key.shape[1], np.bool_)
        same[1:] = (key[:, 1:] == key[:, :-1]).all(axis=0)
        same[0] = before == tuple(key[:, 0].tolist())
        if same.any():
            place = int(np.flatnonzero(same)[np.argmin(part["row"][same])])
            self.faults.add(
                int(same.sum()), int(part["row"][place]), "the series, origin and valid_time of another row",
                self._key_text(part, place), "leave one of them",
            )  # fmt: skip
        return tuple(key[:, -1].tolist())

    def _check_tables(self, places: Mapping[int, tuple[Path, str]], source: str) -> None:
        """Check the bytes and the known times of the tables of a source."""
        for group, (path, digest) in places.items():
            check_bytes(path, digest)
            with open_source(path, self.names.series_of(group)) as table:
                table.check_rule(self.tables, self.params, source, self.names.groups[group])

    def _tables_of(
        self, tables: Path, manifest: Mapping[str, Any], source: str
    ) -> dict[int, tuple[Path, str]]:
        """Return the file and the digest of the table of each group that the rows name, by the place of the group."""
        entries = manifest["sources"].get(source, {"groups": {}})["groups"]
        found = ((group, entries.get(self.names.groups[group])) for group in sorted(self._seen))
        return {group: (tables / entry["file"], entry["digest"]) for group, entry in found if entry}

    def _look_up(self, part: Columns, source: str, places: Mapping[int, tuple[Path, str]]) -> None:
        """Look up the values of all features of a source in a range of rows."""
        asked = {name: value for name, value in self.questions.sources.items() if value.source == source}
        series = part["series"].astype(np.int64)
        earliest = {name: np.full(len(series), TIME_MAX, np.int64) for name in asked}
        for group in np.unique(self.names.group_of(series)).tolist():
            if group not in places:
                continue
            start, stop = np.searchsorted(series, self.names.first[group : group + 2])
            wishes = {name: self._wish(part, slice(start, stop), name, group) for name in asked}
            with open_source(places[group][0], self.names.series_of(group)) as table:
                table.look_up([(asked[name].value, wish) for name, wish in wishes.items()])
            for name, wish in wishes.items():
                earliest[name][start:stop][wish.rows] = wish.earliest
        for name in asked:
            self._compare(self.features[name], part, earliest[name])

    def _wish(self, part: Columns, rows: slice, name: str, group: int) -> Wanted:
        """Return the values of a feature to look up, of rows of one group."""
        value, numbers = self.questions.sources[name], part[_FEATURE.format(name)][rows]
        has = np.flatnonzero(np.isfinite(numbers))
        series, valid = (part[column][rows][has].astype(np.int64) for column in ("series", "valid"))
        if self.params.raw.sources[value.source].is_static:
            valid = np.full(len(valid), ALWAYS)
        else:
            valid = self._begins(series, valid - value.lag)
        return Wanted(has, series - int(self.names.first[group]), valid, numbers[has].astype(np.float64))

    def _compare(self, feature: FeatureResult, part: Columns, earliest: Times) -> None:
        """Compare the first moments at which values were known with the origins of a range of rows."""
        number, origin = part[_FEATURE.format(feature.name)], part["origin"].astype(np.int64)
        found = np.flatnonzero(~np.isnan(number) & (earliest != TIME_MAX))
        check = feature.checks["source"]
        bad = found[check.count_margins(origin[found] - earliest[found])]

        def cell(place: int) -> str:
            where = self.file.place(int(part["row"][place]))
            return f"{where}: {feature.name} is {number[place]:.9g} for {self._key_text(part, place)}"

        feature.note_leaks("source", bad, lambda place: (
            f"{cell(place)}, but {feature.source} had this value from {time_text(int(earliest[place]))} on"
        ))  # fmt: skip
        feature.note_unproven(
            np.flatnonzero(~np.isnan(number) & (earliest == TIME_MAX)),
            lambda place: f"{cell(place)}, a value that {feature.source} never had for that time",
        )

    def _key_text(self, part: Columns, place: int) -> str:
        times = [
            f"{name} {time_text(int(part[column][place]))}"
            for name, column in (("origin", "origin"), ("valid_time", "valid"))
        ]
        return ", ".join([self.names.text(int(part["series"][place])), *times])


@contextmanager
def _emptied(folder: Path) -> Iterator[Path]:
    """Make an empty folder and remove it at the end; a killed run may have left one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
