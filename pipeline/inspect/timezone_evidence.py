"""Which zone stamps without offset are in: what headings say, and what the clock changes in the stamps prove."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hindcast.pipeline.inspect.column_types import Column, Flags
from hindcast.pipeline.inspect.file_kinds import Kind
from hindcast.pipeline.inspect.time_roles import Times
from hindcast.pipeline.inspect.timestamp_columns import Stamped, usual_step
from hindcast.pipeline.inspect.vocabulary import ABBREVIATIONS, HABITS, countries_in, words_of, zones_of
from hindcast.pipeline.raw.localize import find_occurrences
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import Stamps, utc_of

_ONCE = "the autumn hour stands only once: taken for the earlier one"
_LONGEST_GRID = 2_000_000  # steps; beyond, clock changes are not looked for


@dataclass(frozen=True)
class ZoneView:
    """The zone to be used for stamps, how sure it is, and what to ask.

    `wall` is True where the stamps themselves prove wall time with clock changes.
    """

    zone: str
    question: str | None = None
    ambiguous: str | None = None
    nonexistent: str | None = None
    wall: bool = False
    label: str | None = None  # of stamps that end their step: what clock changes tell of it


@dataclass(frozen=True)
class Evidence:
    """What the hours of a zone's clock changes look like in the stamps: counted changes and an example."""

    doubled: int = 0  # autumn hours that stand twice
    single: int = 0  # ... that stand once
    absent: int = 0  # spring hours that are not there
    empty: int = 0  # ... that are there without values
    filled: int = 0  # ... that are there with values
    example: str = ""

    @property
    def for_wall(self) -> int:
        """Clock changes seen; 0 if any of them speaks against."""
        found = self.doubled + self.absent + self.empty
        return (
            0
            if self.filled or (self.single and self.doubled) or not found
            else found + 100 * bool(self.doubled)
        )

    @property
    def against(self) -> bool:
        """Whether hours of clock changes are there, and look like any other hour."""
        return bool((self.filled or self.single) and not self.doubled and not self.absent and not self.empty)


def zone_of(kind: Kind, times: Times, values: Sequence[Column]) -> ZoneView:
    """The zone of a kind of files."""
    if times.exact:
        return ZoneView("UTC")
    words = words_of(times.main.name) | _words_in_texts(times) | _words_in_columns(kind)
    hints = _hints(kind, times, words)
    if times.valid is not None and times.valid.period is not None:
        return _of_periods(times.valid, times.ok & _filled(values, times.ok), hints)
    seen = _Seen.of(kind, times, values) if times.issue is None else None
    best, proof = _best(seen, [*hints, *HABITS])
    label = None
    if seen is not None and times.ends_step:
        # labels that are the start on the clock plus one step show their changes one step later
        seen_before = seen.one_step_before()
        other, other_proof = _best(seen_before, [*hints, *HABITS])
        if times.main.hours_to_24 or other_proof.for_wall > proof.for_wall:
            best, proof, label, seen = other, other_proof, "hour_ending", seen_before
    view = replace(_told(best, proof, seen, hints, words), label=label)
    if view.question and kind.spread is not None and kind.spread.second:
        apart = "the second of the autumn hour stands in a column of its own"
        view = replace(view, question=view.question.replace(_ONCE, apart))
    back = view.ambiguous == "in_order" and _runs_back(kind, times)
    return replace(view, ambiguous="in_reverse_order") if back else view


def _runs_back(kind: Kind, times: Times) -> bool:
    """Whether the newest rows come first."""
    near = (np.diff(kind.piece) == 0) & times.ok[1:] & times.ok[:-1]
    steps = np.diff(times.wall)[near]
    return bool((steps < 0).sum() > (steps > 0).sum())


def _told(
    best: str, proof: Evidence, seen: _Seen | None, hints: Sequence[str], words: frozenset[str]
) -> ZoneView:
    says = next((word for word in ABBREVIATIONS if word in words), None)
    if words & {"utc", "gmt", "zulu"} and not proof.doubled:
        return ZoneView("UTC")
    if proof.for_wall:
        return _wall_view(
            best, proof, hints, says.upper() if says else "UTC" if words & {"utc", "gmt"} else None
        )
    return _without_proof(seen, says, hints, words)


def _filled(values: Sequence[Column], ok: Flags) -> Flags:
    """Rows with a value."""
    return ~np.logical_and.reduce([column.missing for column in values]) if values else ok


def _of_periods(stamp: Stamped, there: Flags, hints: Sequence[str]) -> ZoneView:
    """The zone whose clocks change on the days that have more or fewer steps than others."""
    assert stamp.period is not None
    numbers = stamp.period.column.numbers[there]
    days = stamp.wall[there] - (numbers - 1).astype(np.int64) * stamp.period.length
    starts, places = np.unique(days, return_inverse=True)
    counts = np.zeros(len(starts), np.int64)
    np.maximum.at(counts, places, numbers.astype(np.int64))
    starts, counts = starts[1:-1], counts[1:-1]  # the first and the last day may be cut off
    usual = DAY // stamp.period.length
    odd = int((counts != usual).sum())
    question = "the days of the numbered steps are those of this zone: is it this one?"
    for zone in dict.fromkeys([*hints, *HABITS]):
        lengths = (utc_of(starts + DAY, zone) - utc_of(starts, zone)) // stamp.period.length
        if odd and (lengths == counts).all():
            asked = None if zone in hints[:1] else f"days of 23 and 25 hours are as in {zone}; {question}"
            return ZoneView(zone, asked, None, "drop", wall=True)
    steady = (
        f"no day has 23 or 25 hours; {question}"
        if not odd
        else f"{odd} days are cut off or of another zone; {question}"
    )
    return ZoneView(
        hints[0] if hints and not _changes_within(starts, hints[0]) else "UTC", steady, None, "drop"
    )


def _changes_within(starts: Stamps, zone: str) -> bool:
    return bool((utc_of(starts + DAY, zone) - utc_of(starts, zone) != DAY).any())


def _wall_view(best: str, proof: Evidence, hints: Sequence[str], says: str | None) -> ZoneView:
    header = f"the heading says {says}, but the" if says else "the"
    others = "" if best in hints else "; any zone with the same clock changes fits, is it this one?"
    question = f"{header} stamps show wall time ({proof.example}), so they are read as {best}{others}"
    once = bool(proof.single and not proof.doubled)
    if once:
        question += f"; {_ONCE}"
    elif not proof.doubled:
        question += "; no autumn change is in the files: its hour is taken to stand twice, the earlier first"
    ambiguous = "earlier" if once else "in_order"
    return ZoneView(best, question, ambiguous, "drop" if proof.empty else None, wall=True)


def _without_proof(
    seen: _Seen | None, says: str | None, hints: Sequence[str], words: frozenset[str]
) -> ZoneView:
    steady = seen is not None and any(_evidence(seen, zone).against for zone in [*hints, *HABITS][:4])
    if says:
        return _as_said(says, hints, words, steady=steady)
    if steady:
        return ZoneView("UTC", "no clock change shows in the stamps: UTC, or another fixed offset?")
    guess = f", or wall time ({hints[0]})" if hints else ", or wall time of a place"
    if words & {"local", "lokal", "ortszeit"} and hints:
        return ZoneView(hints[0], "the heading says local time; is it this zone?", "in_order", "drop")
    return ZoneView("UTC", f"the files do not tell the zone of the stamps: UTC{guess}?")


def _as_said(says: str, hints: Sequence[str], words: frozenset[str], *, steady: bool) -> ZoneView:
    """An abbreviation without a clock change to prove it; two of one place, as in CET/CEST, mean wall time."""
    fixed, wall = ABBREVIATIONS[says]
    place = hints[0] if hints else wall
    if fixed == wall:
        return ZoneView(fixed)
    both = [word for word in ABBREVIATIONS if word in words and ABBREVIATIONS[word][1] == wall]
    said = "/".join(word.upper() for word in both)
    if steady:
        return ZoneView(fixed, f"the heading says {said}, and no clock change shows: a fixed offset?")
    if len(both) > 1:
        return ZoneView(place, f"the heading says {said}: wall time of this zone?", "in_order", "drop")
    return ZoneView(
        fixed, f"the heading says {said}: a fixed offset all year ({fixed}), or wall time ({place})?"
    )


def _hints(kind: Kind, times: Times, words: frozenset[str]) -> list[str]:
    """Zones that paths, headings and abbreviations speak of, each once."""
    # names of series may begin with countries; stamps end with AM and PM
    columns = [c for c in kind.columns if c.kind == "text" and c.place not in times.places]
    texts = [text for column in columns for text in column.texts.slice(0, 50).to_pylist()]
    names = [c.name for c in kind.columns if c.place in times.places]  # HR is an hour, ID no country
    headings = [name for name in kind.dialect.header[:50] if name not in names and not name.endswith("ID")]
    countries = countries_in([*kind.paths[:50], *headings, *texts])
    places = [zone for country in countries[:3] for zone in zones_of(country)[:3]]
    named = [ABBREVIATIONS[word][1] for word in sorted(words) if word in ABBREVIATIONS]
    return list(dict.fromkeys([*places, *named]))


def _words_in_columns(kind: Kind) -> frozenset[str]:
    """What a column called time zone says, if it says one thing."""
    columns = [c for c in kind.columns if c.kind == "text" and words_of(c.name) & {"zone", "timezone", "tz"}]
    said = [column.texts.unique().to_pylist() for column in columns]
    return frozenset(texts[0].lower() for texts in said if len(texts) == 1)


def _words_in_texts(times: Times) -> frozenset[str]:
    return words_of(times.main.form.text.replace("%", " "))


@dataclass(frozen=True)
class _Seen:
    """All different stamps of one file in order: how many rows have each, and whether any has a value."""

    files: tuple[tuple[Stamps, Stamps, Flags, int], ...]

    @classmethod
    def of(cls, kind: Kind, times: Times, values: Sequence[Column]) -> _Seen:
        filled = _filled(values, times.ok)
        found = []
        for file in range(len(kind.files)):
            rows = times.ok & (kind.file == file)
            wall = times.wall[rows]
            stamps, places, counts = np.unique(wall, return_inverse=True, return_counts=True)
            with_value = np.bincount(places, filled[rows], len(stamps)) > 0
            step = usual_step(stamps)
            if step and len(stamps) > 2 and step < DAY and (stamps[-1] - stamps[0]) // step < _LONGEST_GRID:
                found.append((stamps, counts, with_value, step))
        return cls(tuple(found))

    def one_step_before(self) -> _Seen:
        """The same with all stamps one step earlier."""
        return _Seen(
            tuple((stamps - step, counts, filled, step) for stamps, counts, filled, step in self.files)
        )


def _best(seen: _Seen | None, zones: Iterable[str]) -> tuple[str, Evidence]:
    best, proof = "UTC", Evidence()
    if seen is None:
        return best, proof
    for zone in dict.fromkeys(zones):
        evidence = _evidence(seen, zone)
        if evidence.for_wall > proof.for_wall:
            best, proof = zone, evidence
        if proof.doubled and proof.for_wall:
            break  # hints come first, and a zone's table of changes takes a tenth of a second to make
    return best, proof


def _evidence(seen: _Seen, zone: str) -> Evidence:
    doubled = single = absent = empty = filled = 0
    examples: dict[str, str] = {}
    for stamps, counts, with_value, step in seen.files:
        usual = int(np.median(counts))
        for kind, block in _changes(stamps, step, zone):
            places = np.searchsorted(stamps, block)
            there = (places < len(stamps)) & (stamps[np.minimum(places, len(stamps) - 1)] == block)
            rows = places[there]
            if kind == 2:
                twice = bool(there.all() and (counts[rows] >= 2 * usual).all())
                doubled, single = doubled + twice, single + (not twice and bool(there.any()))
                _note(examples, "doubled", block[0], "stands twice", keep=twice)
            elif not there.any():
                absent += 1
                _note(examples, "absent", block[0], "is absent")
            else:
                is_empty = not with_value[rows].any()
                empty, filled = empty + is_empty, filled + (not is_empty)
                _note(examples, "empty", block[0], "is empty", keep=is_empty)
    return Evidence(doubled, single, absent, empty, filled, ", ".join(examples.values()))


def _changes(stamps: Stamps, step: int, zone: str) -> Iterator[tuple[int, Stamps]]:
    """The hours of clock changes inside the span of `stamps`: (2 or 0 times on the clock, their grid stamps)."""
    grid = np.arange(stamps[0], stamps[-1] + 1, step)
    _, _, count = find_occurrences(grid, zone)
    odd = np.flatnonzero(count != 1)
    for block in np.split(odd, np.flatnonzero(np.diff(odd) != 1) + 1) if len(odd) else []:
        first, last = block[0], block[-1]
        if first == 0 or last == len(grid) - 1:
            continue
        if np.isin(grid[[first - 1, last + 1]], stamps).all():  # else it is only a gap
            yield int(count[first]), grid[block]


def _note(examples: dict[str, str], key: str, stamp: np.int64, words: str, *, keep: bool = True) -> None:
    if keep and key not in examples:
        text = str(np.datetime64(int(stamp), "ns").astype("datetime64[m]")).replace("T", " ")
        examples[key] = f"{text} {words}"
