"""Random exports written from a known truth: nothing here uses the code that reads them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from tests.inspect.export_dialects import (
    ExportDialect,
    draw_dialect,
    file_bytes,
    number_texts,
    read_number,
    tables_bytes,
)
from tests.inspect.export_layouts import Extras, draw_extras, flag_columns
from tests.inspect.export_stamps import (
    CLOCKS,
    DATES,
    STEADY,
    Clock,
    draw_clock,
    shown_times,
    single_texts,
    stamp_columns,
)

FORECASTS = (
    "none",
    "column",
    "file",
    "issue_valid",
    "issue_lead",
    "valid_lead",
    "lead_headings",
    "issue_path",
)
_SERIES = (("A", "B", "C"), ("north", "south", "west"), ("1001", "1002", "1003"), ("Capitl", "Centrl", "N.Y.C."),
           ("Zone 1", "Zone 2", "Zone 3"), ("Größe", "Höhe", "Länge"), ("DE", "FR", "ES"), ("MT_001", "MT_002", "MT_003"))  # fmt: skip
_FOREIGN = (
    ("cp1254", ("İstanbul", "Muğla", "Eskişehir")), ("cp1250", ("Plzeň", "Třebíč", "Ústí")),
    ("iso8859_2", ("Łódź", "Gdańsk", "Bełchatów")), ("cp1257", ("Šiauliai", "Panevėžys", "Ūkmergė")),
    ("cp1251", ("Москва", "Казань", "Томск")), ("cp1253", ("Αθήνα", "Πάτρα", "Βόλος")), ("utf-16", ("Zürich", "Genève", "Chur")),
)  # fmt: skip
_SERIES_HEADINGS = ("zone", "area", "meter", "site", "station", "id", "region", "name", "Kunde")
_VALUES = (("load", "Load [MW]", "MW"), ("load", "load_mw", "MW"), ("demand", "Demand (MW)", "MW"), ("power", "power", ""),
           ("load", "Verbrauch", ""), ("price", "Price EUR/MWh", "EUR/MWh"), ("energy", "kWh", "kWh"), ("value", "value", ""),
           ("load", "mw", "MW"), ("wind", "wind_power", ""), ("energy", "KWH/hh (per half hour)", "kWh"),
           ("load", "Actual Load", ""), ("load", "Last", ""))  # fmt: skip
_FORECAST_WORDS = (
    "{} forecast",
    "forecast {}",
    "{}_forecast",
    "{}_fc",
    "day ahead {} forecast",
    "Forecast {}",
    "{} predicted",
)
_ISSUE_WORDS = ("issue_time", "issued", "run", "init_time", "created", "reference time")
_VALID_WORDS = ("valid_time", "target", "valid", "delivery", "time", "timestamp")
_LEAD_WORDS = ("lead", "lead_hours", "horizon", "step", "hors")


@dataclass(frozen=True)
class Facts:
    """What is true of one kind of file and may be asked: settings of the timestamps, numbers, and roles."""

    role: str  # of files with one role; "" if headings name it
    stamps: dict[str, Any]
    dialect: ExportDialect
    issue: dict[str, Any] = field(default_factory=dict)
    issue_path: dict[str, Any] | None = None
    series_path: str | None = None
    lead_unit: str = "h"


@dataclass(frozen=True)
class Export:
    """Files, and the truth about them.

    `tables` holds for each (role, quantity) the rows as a frame: series, valid, issue and known in ns UTC (-1 for none), value.
    `optional` are quantities beside the one of the target. `kinds` gives the kind of each file, `facts` those of each kind.
    """

    seed: int
    files: dict[str, bytes]
    tables: dict[tuple[str, str], pd.DataFrame]
    kinds: dict[str, str]
    facts: dict[str, Facts]
    step: pd.Timedelta
    zone: str
    target: str
    traits: dict[str, Any]
    heading: str
    optional: frozenset[str] = frozenset()
    counter: bool | dict[str, float] | None = None
    """The setting `counter` of the target, if its cells are readings; a rollover only if some reading shows it."""


def draw_export(seed: int) -> Export:
    """Draw an export; the same seed gives the same bytes."""
    return _Draw(seed).export()


class _Draw:
    """The choices of one export, then its files."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = rng = random.Random(seed)
        self.noise = np.random.default_rng(seed)
        self.step = pd.Timedelta(rng.choices(("1h", "30min", "15min", "1D"), (10, 3, 3, 1))[0])
        self.more = random.Random(f"layout of {seed}")
        if self.step == pd.Timedelta("15min") and self.more.random() < 0.3:
            self.step = pd.Timedelta("5min")
        self.clock = draw_clock(rng, self.step)
        self.dialect = draw_dialect(rng)
        self.forecast = rng.choices(FORECASTS, (8, 4, 4, 3, 2, 2, 2, 3))[0]
        if self.step == pd.Timedelta("1D"):
            self.clock = replace(self.clock, zone="UTC")
            self.forecast = rng.choice(("none", "column", "file"))
        self.names = rng.choice(_SERIES)[: rng.choices((1, 2, 3), (4, 2, 3))[0]]
        self.layout = (
            rng.choice(("long", "wide", "files"))
            if len(self.names) > 1
            else rng.choice(("long", "alone", "alone"))
        )
        self.quantity, self.heading, self.unit = rng.choice(_VALUES)
        self.utc = self._draw_utc()
        self.level = rng.choice((50.0, 400.0, 3000.0, 45000.0))
        self.foreign = self._draw_foreign()
        self.pieces = (
            rng.choices(("one", "months", "days"), (7, 2, 2))[0] if self.layout != "files" else "one"
        )
        self.revised = self.forecast == "none" and self.layout != "wide" and rng.random() < 0.25
        if self.clock.zone not in STEADY and not self.clock.exact:
            self.revised = False  # repeated hours of revisions cannot be told apart
        self.measured = self._draw_values()
        self.beside = rng.choices(("", "index", "unit", "flag", "temperature"), (12, 1, 1, 1, 2))[0]
        self.day_in_name = (
            self.pieces == "days"
            and self.clock.parts in CLOCKS
            and self.clock.parts != "period"
            and rng.random() < 0.7
        )
        self.optional: frozenset[str] = frozenset()
        self.shape = "rows"
        if self.forecast == "none" and not self.revised and rng.random() < 0.5 and len(self.names) == 1:
            self.shape = (
                "hours" if self.step == pd.Timedelta("1h") and self.clock.zone in STEADY else self.shape
            )
        if (
            self.forecast == "none"
            and self.step == pd.Timedelta("1D")
            and rng.random() < 0.5
            and len(self.names) > 1
        ):
            self.shape = "days"
        self.files: dict[str, bytes] = {}
        self.kinds: dict[str, str] = {}
        self.tables: dict[tuple[str, str], pd.DataFrame] = {}
        self.facts: dict[str, Facts] = {}
        self.cased = (
            self.forecast not in ("none", "column")
            and self.layout != "files"
            and len(self.names) > 1
            and self.names[0][-1].islower()
            and not self.foreign
            and rng.random() < 0.7
        )
        self.own_label = self.forecast == "file" and self.clock.parts == "one" and rng.random() < 0.3
        self.extras, self.counter = self._draw_extras(), self._draw_counter()
        self.early = self._early_rows()

    def _draw_extras(self) -> Extras:
        """Other layouts, drawn apart from all the rest."""
        self.shown_heading = self.heading  # in the proposal
        extras = draw_extras(
            self.more,
            random.Random(f"tables of {self.seed}"),
            layout=self.layout,
            pieces=self.pieces,
            named_by_words=self.forecast not in ("none", "file") or self.beside == "temperature",
            plain_rows=self.shape == "rows" and not self.revised,
        )
        if self.cased or self.day_in_name:
            return replace(extras, wider=False, headerless=False)
        wide_enough = len(self.names) > 2 and self.beside != "temperature"
        return replace(extras, wider=extras.wider and (self.layout != "wide" or wide_enough))

    def _draw_counter(self) -> bool | dict[str, float] | None:
        """In some exports, cells are readings that count up and start again: at a rollover, or when the meter is replaced."""
        more = random.Random(f"counter of {self.seed}")
        plain = (
            self.forecast == "none"
            and not self.revised
            and self.shape == "rows"
            and self.beside != "temperature"
        )
        if not plain or self.clock.parts != "one" or more.random() > 0.15:
            return None
        label = (
            "end"
            if self.clock.exact or self.step == pd.Timedelta("1D") or more.random() < 0.7
            else "hour_ending"
        )
        self.clock = replace(
            self.clock, label=label, heading=more.choice(("time_end", "time", "timestamp", "reading time"))
        )
        self.heading = self.shown_heading = more.choice(("kWh", "reading_kwh", "Meter reading kWh", "energy"))
        self.quantity, self.unit = "energy", "kWh"
        used = {name: np.nancumsum(numbers) for name, numbers in self.measured.items()}
        ends = more.choice(("never", "replaced", "rollover"))
        rollover = 10.0 ** np.ceil(np.log10(max(float(each[-1]) for each in used.values()) / 3))
        shown: dict[str, np.ndarray] = {}
        for name, counted in used.items():
            half = len(counted) // 2
            readings = {
                "never": counted,
                "replaced": np.concatenate([counted[:half], counted[half:] - counted[half - 1]]),
                "rollover": counted % rollover,
            }[ends]
            shown[name] = self._rounded(np.where(np.isnan(self.measured[name]), np.nan, readings))
        self.measured = shown
        falls = any((np.diff(each[~np.isnan(each)]) < 0).any() for each in shown.values())
        return {"rollover": float(rollover)} if ends == "rollover" and falls else True

    def _early_rows(self) -> np.ndarray:
        """The steps in files that lack the last series, or the last column, of later files."""
        labels = self._labels(self.clock)
        names = list(dict.fromkeys(labels.tolist()))
        early: np.ndarray = np.isin(labels, names[: len(names) // 2]) & self.extras.wider
        if self.layout == "wide":
            self.measured[self.names[-1]][early] = np.nan
        return early

    def _labels(self, clock: Clock) -> np.ndarray:
        """The part of the name of the file of each step."""
        form = {"one": "", "months": "_%Y-%m", "days": "_%Y%m%d"}[self.pieces]
        return np.array(single_texts(form, self.utc.tz_convert(clock.zone)))

    def _draw_foreign(self) -> bool:
        """Some exports have names in another encoding, or other texts for missing values; drawn apart from all the rest."""
        more = random.Random(f"more of {self.seed}")
        if more.random() < 0.12:
            marks = ("n/e", "-9999", "k.A.", "#N/A", *(("9999",) if self.level <= 400 else ()))
            self.dialect = replace(self.dialect, missing=more.choice(marks))
        if more.random() > 0.15 or self.dialect.beside == "€":
            return False
        encoding, names = more.choice(_FOREIGN)
        self.dialect = replace(self.dialect, encoding=encoding)
        self.names = names[: len(self.names)]
        return True

    def _draw_utc(self) -> pd.DatetimeIndex:
        rng, zone = self.rng, self.clock.zone
        days = rng.choice((4, 8, 16, 30)) if self.step >= pd.Timedelta("1h") else rng.choice((3, 6, 10))
        days = 60 if self.step == pd.Timedelta("1D") else days
        year = rng.randint(2018, 2024)
        day = pd.Timestamp(year, rng.randint(1, 12), rng.randint(1, 28))
        if rng.random() < 0.35:  # a clock change of the zone in the middle, if it has any
            daily = pd.date_range(f"{year}-01-02 12:00", f"{year}-12-20 12:00", freq="D")
            offsets = [noon.utcoffset() for noon in daily.tz_localize(zone)]
            changes = [
                noon
                for noon, one, next_ in zip(daily[1:], offsets, offsets[1:], strict=False)
                if one != next_
            ]
            day = rng.choice(changes).normalize() - pd.Timedelta(days=days // 2) if changes else day
        first, last = (
            each.tz_localize(zone, nonexistent="shift_forward").tz_convert("UTC")
            for each in (day, day + pd.Timedelta(days=days))
        )
        return pd.date_range(first, last, freq=self.step, inclusive="left")

    def _draw_values(self) -> dict[str, np.ndarray]:
        count, per_day = len(self.utc), pd.Timedelta("1D") / self.step
        wave = np.sin(np.arange(count) * 2 * np.pi / max(per_day, 7))
        holes = self.rng.random() < 0.5
        values = {}
        for name in self.names:
            numbers = (
                self.level * self.rng.uniform(0.6, 1.6) * (1 + 0.3 * wave + self.noise.normal(0, 0.05, count))
            )
            numbers[self.noise.random(count) < 0.03 * holes] = np.nan
            values[name] = self._rounded(numbers)
        return values

    def _rounded(self, numbers: np.ndarray) -> np.ndarray:
        kept = [
            np.nan if np.isnan(number) else read_number(self.dialect, number) for number in numbers.tolist()
        ]
        return np.array(kept)

    def export(self) -> Export:
        """Write all files."""
        if self.shape == "hours":
            self._write_hours()
        elif self.shape == "days":
            self._write_days()
        elif self.revised:
            self._write_revised()
        else:
            self._write_measured()
        writer = getattr(self, f"_write_{self.forecast}", None)
        if writer is not None:
            writer()
        traits = {
            "step": str(self.step), "zone": self.clock.zone, "form": self.clock.form, "parts": self.clock.parts,
            "label": self.clock.label, "heading": self.clock.heading, "forecast": self.forecast, "layout": self.layout,
            "pieces": self.pieces, "revised": self.revised, "series": self.names, "cased": self.cased,
            "value": self.heading, "first": str(self.utc[0]), "rows": len(self.utc), "beside": self.beside,
            "shape": self.shape, "counter": self.counter, "day_in_name": self.day_in_name, "own_label": self.own_label, "extras": self.extras,
        }  # fmt: skip
        return Export(self.seed, self.files, self.tables, self.kinds, self.facts, self.step, self.clock.zone,
                      self.quantity, traits, self.shown_heading, self.optional, self.counter)  # fmt: skip

    # measurements

    def _write_measured(self) -> None:
        both = self.forecast == "column"
        values = self.measured
        fields = {self._heading(): values}
        if both:
            fields[self._forecast_heading()] = self._predicted(values)
        self._add_table("realized", values)
        if self.beside == "temperature":
            warm = {name: self._rounded(self.noise.normal(12, 6, len(self.utc))) for name in self.names}
            fields["temperature"] = warm
            self._add_table("realized", warm, "temperature")
            self.optional = frozenset({"temperature"})
        if both:
            self._add_table("forecast", fields[self._forecast_heading()])
        stem = self.rng.choice(("measured", "load_actual", "export", "data")) if self.forecast not in ("none", "column") else (
            self.rng.choice(("export", "data", "report")))  # fmt: skip
        self._write(stem, "realized", self.clock, self.names, fields)
        self._state_facts(both=both)

    def _state_facts(self, *, both: bool = False) -> None:
        self.facts["realized"] = Facts("" if both else "realized", self.clock.settings, self.dialect,
                                       series_path=None if self.layout != "files" else "name")  # fmt: skip

    def _write_hours(self) -> None:
        """A row a day, a column an hour; the zone has no clock changes."""
        (name,) = self.names
        local = self.utc.tz_convert(self.clock.zone)
        shape, first = self.rng.choice((("h{:02d}", 1), ("{:02d}:00", 0), ("H{}", 1), ("Hour {}", 0)))
        form = self.rng.choice(DATES)
        days = single_texts(form, local)
        texts = number_texts(self.dialect, self.measured[name])
        columns: dict[str, list[str]] = {"Date": list(dict.fromkeys(days))}
        for hour in range(24):
            columns[shape.format(hour + first)] = [
                text for text, shown in zip(texts, local.hour, strict=True) if shown == hour
            ]
        self.clock = Clock(self.clock.zone, form, "hour", "hour_ending" if first else "start")
        self._add_table("realized", self.measured)
        self._add_file("load", "realized", columns, self.clock)
        self._state_facts()

    def _write_days(self) -> None:
        """A row a series, a column a day: the headings alone have the dates."""
        form = self.rng.choice(("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y"))
        days = single_texts(form, self.utc)
        columns = {"store": list(self.names)}
        texts = {name: number_texts(self.dialect, self.measured[name]) for name in self.names}
        for place, day in enumerate(days):
            columns[day] = [texts[name][place] for name in self.names]
        self.clock = Clock("UTC", form)
        self._add_table("realized", self.measured)
        self._add_file("sales", "realized", columns, self.clock)
        self._state_facts()

    def _write_revised(self) -> None:
        """Two rows of each time: a preliminary and a final value, with the times of their publication."""
        times = self._times(self.clock, self.utc)
        columns: dict[str, list[str]] = {}
        frames = []
        for name in self.names:
            for status, after, change in (("preliminary", "2h", 1.03), ("final", "50h", 1.0)):
                known = self.utc + self.step + pd.Timedelta(after)
                numbers = self._rounded(self.measured[name] * change)
                part = {
                    **times,
                    **({"area": [name] * len(known)} if len(self.names) > 1 else {}),
                    "published_utc": single_texts("Z", known),
                    "status": [status] * len(known),
                    self.heading: number_texts(self.dialect, numbers),
                }
                columns = {head: columns.get(head, []) + texts for head, texts in part.items()}
                frames.append(pd.DataFrame({
                    "series": name, "valid": self.utc.as_unit("ns").asi8, "issue": -1,
                    "known": known.as_unit("ns").asi8, "value": numbers}))  # fmt: skip
        self._store("realized", pd.concat(frames))
        self._add_file("export", "realized", columns, replace(self.clock, newest_first=False))
        self._state_facts()

    def _heading(self) -> str:
        return self.heading

    def _forecast_heading(self) -> str:
        if not hasattr(self, "_chosen"):
            core = self.heading.replace("Actual ", "")
            self._chosen = self.rng.choice(_FORECAST_WORDS).format(core)
        return self._chosen

    def _predicted(self, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {
            name: self._rounded(numbers * (1 + self.noise.normal(0, 0.08, len(numbers))))
            for name, numbers in values.items()
        }

    def _add_table(self, role: str, values: dict[str, np.ndarray], quantity: str = "") -> None:
        valid = self.utc.as_unit("ns").asi8
        frames = [pd.DataFrame({"series": name, "valid": valid, "issue": -1, "known": -1, "value": numbers})
                  for name, numbers in values.items()]  # fmt: skip
        self._store(role, pd.concat(frames), quantity)

    def _store(self, role: str, frame: pd.DataFrame, quantity: str = "") -> None:
        self.tables[role, quantity or self.quantity] = frame.dropna(subset=["value"]).reset_index(drop=True)

    def _write(
        self,
        stem: str,
        kind: str,
        clock: Clock,
        names: tuple[str, ...],
        fields: dict[str, dict[str, np.ndarray]],
    ) -> None:
        """Write fields by layout and pieces."""
        if self.layout == "files":
            tables = {
                name: self._with_others(kind, self._times(clock, self.utc) | {
                    heading: number_texts(self.dialect, values[name]) for heading, values in fields.items()})
                for name in names
            }  # fmt: skip
            if self.extras.tables:
                self._add_tables(stem, kind, tables, clock)
                return
            for name, columns in tables.items():
                self._add_file(f"{stem}_{name}", kind, columns, clock)
            return
        labels = self._labels(clock)
        for label in dict.fromkeys(labels.tolist()):
            rows = labels == label
            columns = self._with_others(kind, self._columns(kind, clock, names, fields, rows))
            if self.extras.wider and self.layout != "wide" and not self.early[rows].any():
                columns["remark"] = ["checked"] * len(next(iter(columns.values())))
            if self.extras.headerless and kind == "realized":
                self.shown_heading = f"column_{list(columns).index(next(iter(fields))) + 1}"
            if self.day_in_name:
                columns.pop(next(iter(stamp_columns(clock, self.utc[:1], self.step))))
            self._add_file(f"{stem}{label}", kind, columns, clock)

    def _with_others(self, kind: str, columns: dict[str, list[str]]) -> dict[str, list[str]]:
        """Add a column that holds no values."""
        rows = len(next(iter(columns.values())))
        if kind != "realized" or self.beside not in ("index", "unit", "flag"):
            return columns
        if self.beside == "index":
            return {"nr": [str(number + 1) for number in range(rows)]} | columns
        return columns | ({"unit": ["MW"] * rows} if self.beside == "unit" else {"quality": ["OK"] * rows})

    def _columns(
        self,
        kind: str,
        clock: Clock,
        names: tuple[str, ...],
        fields: dict[str, dict[str, np.ndarray]],
        rows: np.ndarray,
    ) -> dict[str, list[str]]:
        utc = self.utc[rows]
        if self.layout == "wide":
            columns = self._times(clock, utc)
            first = len(columns)
            for name in names[: len(names) - bool(self.early[rows].any())]:
                shown_name = name.upper() if self.cased and kind == "realized" else name
                for heading, values in fields.items():
                    columns[self._wide_heading(heading, shown_name, len(fields))] = number_texts(
                        self.dialect, values[name][rows]
                    )
            return flag_columns(columns, first) if self.extras.flagged else columns
        times = self._times(clock, utc)
        if self.layout == "alone":
            (name,) = names
            return times | {
                head: number_texts(self.dialect, values[name][rows]) for head, values in fields.items()
            }
        by_time = self.seed % 2 == 0
        columns = {head: _spread(texts, len(names), by_time=by_time) for head, texts in times.items()}
        shown = [name.upper() if self.cased and kind == "realized" else name for name in names]
        columns[_SERIES_HEADINGS[self.seed % len(_SERIES_HEADINGS)]] = (
            [name for _ in range(len(utc)) for name in shown] if by_time else [name for name in shown for _ in range(len(utc))])  # fmt: skip
        for head, values in fields.items():
            stacked = np.stack([values[name][rows] for name in names])
            columns[head] = number_texts(self.dialect, (stacked.T if by_time else stacked).ravel())
        return columns

    def _wide_heading(self, heading: str, name: str, fields: int) -> str:
        style = self.seed % 3
        if fields == 1 and style == 0:
            return name
        return (
            f"{name} {heading}" if style == 1 else f"{heading} {name}" if style == 0 else f"{name}_{heading}"
        )

    def _times(self, clock: Clock, utc: pd.DatetimeIndex) -> dict[str, list[str]]:
        columns = stamp_columns(clock, utc, self.step)
        return {head: self._with_decimals(clock, texts) for head, texts in columns.items()}

    def _with_decimals(self, clock: Clock, texts: list[str]) -> list[str]:
        return [text.replace(".", self.dialect.decimal) for text in texts] if clock.form == "excel" else texts

    def _add_file(self, stem: str, kind: str, columns: dict[str, list[str]], clock: Clock) -> None:
        if clock.newest_first:
            columns = {name: texts[::-1] for name, texts in columns.items()}
        path = f"{stem.replace(' ', '_' if self.seed % 4 == 0 else ' ')}.csv"
        self.files[path] = file_bytes(
            self.dialect, columns, dict.fromkeys(columns, self.unit or "-"), self.extras
        )
        self.kinds[path] = kind

    def _add_tables(
        self, stem: str, kind: str, tables: dict[str, dict[str, list[str]]], clock: Clock
    ) -> None:
        """Write one file with a table for each series, whose name stands above it."""
        if clock.newest_first:
            tables = {
                name: {head: texts[::-1] for head, texts in columns.items()}
                for name, columns in tables.items()
            }
        units = dict.fromkeys(next(iter(tables.values())), self.unit or "-")
        self.files[f"{stem}.csv"] = tables_bytes(self.dialect, tables, units)
        self.kinds[f"{stem}.csv"] = kind

    # forecasts in files of their own

    def _write_file(self) -> None:
        predicted = self._predicted(self.measured)
        self._add_table("forecast", predicted)
        clock = self.clock
        if self.own_label:
            clock = replace(clock, label="end" if clock.label == "start" else "start")
        self._write("forecast", "forecast", clock, self.names, {self._forecast_heading(): predicted})
        self.facts["forecast"] = Facts(
            "forecast", clock.settings, self.dialect, series_path=self.facts["realized"].series_path
        )

    def _vintages(self) -> pd.DataFrame:
        """Rows of issues every 12 or 24 h, each reaching twice as far, of every series."""
        every = pd.Timedelta(self.rng.choice(("12h", "24h")))
        issues = pd.date_range(self.utc[0], self.utc[-1], freq=every)[:12]
        reach = int(2 * every / self.step)
        frames = []
        for name in self.names:
            by_time = pd.Series(self.measured[name], self.utc)
            for issue in issues:
                valid = pd.date_range(issue, periods=reach + 1, freq=self.step)[1:]
                base = by_time.reindex(valid).fillna(self.level).to_numpy()
                values = self._rounded(base * (1 + self.noise.normal(0, 0.08, reach)))
                frames.append(pd.DataFrame({"series": name, "valid": valid, "issue": issue, "value": values}))
        return pd.concat(frames, ignore_index=True)

    def _store_vintages(self, rows: pd.DataFrame) -> None:
        table = rows.assign(known=-1)
        for column in ("valid", "issue"):
            table[column] = pd.DatetimeIndex(table[column]).as_unit("ns").asi8
        self._store("forecast", table)

    def _vintage_clock(self) -> Clock:
        """Vintages have one column for each time; the issue time is written like the valid time."""
        clock = replace(self.clock, parts="one", label="start", newest_first=False)
        if (
            clock.form not in ("offset", "Z", "epoch_s", "epoch_ms", "excel")
            and "%H" not in clock.form
            and "%I" not in clock.form
        ):
            clock = replace(clock, form=f"{clock.form} %H:%M", padded=True)
        if clock.zone not in ("UTC", "Etc/GMT-1", "Etc/GMT+5") and not clock.exact:
            clock = replace(clock, zone=self.rng.choice(("UTC", clock.zone)))
        return clock

    def _write_vintage_table(self, rows: pd.DataFrame, times: dict[str, list[str]], clock: Clock) -> None:
        columns = dict(times)
        if len(self.names) > 1:
            columns[_SERIES_HEADINGS[self.seed % len(_SERIES_HEADINGS)]] = rows["series"].tolist()
        columns[self._forecast_heading()] = number_texts(self.dialect, rows["value"].to_numpy())
        self._add_file("forecast", "forecast", columns, clock)

    def _vintage_rows(self, clock: Clock) -> pd.DataFrame:
        rows = self._vintages()
        if not clock.exact:  # a local time that occurs twice would need a column that tells them apart
            for column in ("valid", "issue"):
                local = pd.DatetimeIndex(rows[column]).tz_convert(clock.zone).tz_localize(None)
                back = local.tz_localize(clock.zone, ambiguous="NaT", nonexistent="NaT")
                rows = rows[back.notna()]
        return rows.sort_values(["issue", "series", "valid"], ignore_index=True)

    def _texts_of(self, clock: Clock, times: pd.Series[Any]) -> list[str]:
        shown = shown_times(clock, pd.DatetimeIndex(times), self.step)
        return self._with_decimals(clock, single_texts(clock.form, shown, padded=clock.padded))

    def _write_issue_valid(self) -> None:
        clock = self._vintage_clock()
        rows = self._vintage_rows(clock)
        times = {self.rng.choice(_ISSUE_WORDS): self._texts_of(clock, rows["issue"]),
                 self.rng.choice(_VALID_WORDS): self._texts_of(clock, rows["valid"])}  # fmt: skip
        self._write_vintage_table(rows, times, clock)
        self._finish_vintages(rows, clock)

    def _finish_vintages(self, rows: pd.DataFrame, clock: Clock, **more: Any) -> None:
        self._store_vintages(rows)
        self.facts["forecast"] = Facts("forecast", clock.settings, self.dialect, issue=clock.settings, **more)

    def _leads(self, rows: pd.DataFrame) -> tuple[list[str], str]:
        lead = rows["valid"] - rows["issue"]
        unit = "h" if self.step >= pd.Timedelta("1h") else "min"
        count = lead.dt.total_seconds() // pd.Timedelta(f"1{unit}").total_seconds()
        return [str(int(number)) for number in count], unit

    def _write_issue_lead(self) -> None:
        self._write_with_lead("issue", _ISSUE_WORDS)

    def _write_valid_lead(self) -> None:
        self._write_with_lead("valid", _VALID_WORDS)

    def _write_with_lead(self, given: str, words: tuple[str, ...]) -> None:
        clock = self._vintage_clock()
        if not clock.exact:  # the lead counts absolute hours
            clock = replace(clock, zone=clock.zone if clock.zone.startswith("Etc/") else "UTC")
        rows = self._vintage_rows(clock)
        leads, unit = self._leads(rows)
        word = self.rng.choice(_LEAD_WORDS) if unit == "h" else "lead_minutes"
        self._write_vintage_table(
            rows, {self.rng.choice(words): self._texts_of(clock, rows[given]), word: leads}, clock
        )
        self._finish_vintages(rows, clock, lead_unit=unit)

    def _write_lead_headings(self) -> None:
        clock = self._vintage_clock()
        clock = clock if clock.exact else replace(clock, zone="UTC")
        rows = self._vintage_rows(clock)
        leads, unit = self._leads(rows)
        wide = rows.assign(lead=[int(lead) for lead in leads]).pivot_table(
            index=["series", "issue"], columns="lead", values="value"
        )
        index = wide.index.to_frame(index=False)
        columns = {self.rng.choice(_ISSUE_WORDS): self._texts_of(clock, index["issue"])}
        if len(self.names) > 1:
            columns[_SERIES_HEADINGS[self.seed % len(_SERIES_HEADINGS)]] = index["series"].tolist()
        shape = self.rng.choice(("t+{}", "h{}", "lead_{}")) if unit == "h" else "t+{}min"
        for lead in wide.columns:
            columns[shape.format(lead)] = number_texts(self.dialect, wide[lead].to_numpy())
        self._add_file("forecast", "forecast", columns, clock)
        self._finish_vintages(rows, clock, lead_unit=unit)

    def _write_issue_path(self) -> None:
        clock = self._vintage_clock()
        rows = self._vintage_rows(clock)
        form = self.rng.choice(("%Y%m%d_%H", "%Y%m%d%H%M", "%Y-%m-%dT%H%M"))
        form = "%Y%m%d%H%M" if clock.zone == "Asia/Kolkata" or self.clock.zone == "Asia/Kolkata" else form
        zone = "UTC" if clock.exact else clock.zone
        for issue, part in rows.groupby("issue"):
            columns = {self.rng.choice(_VALID_WORDS[:1]): self._texts_of(clock, part["valid"])}
            if len(self.names) > 1:
                columns[_SERIES_HEADINGS[self.seed % len(_SERIES_HEADINGS)]] = part["series"].tolist()
            columns[self._forecast_heading()] = number_texts(self.dialect, part["value"].to_numpy())
            name = pd.Timestamp(str(issue)).tz_convert(zone).strftime(form)
            self._add_file(f"forecast_{name}", "forecast", columns, clock)
        self._finish_vintages(rows, clock, issue_path={"format": form, "zone": zone})


def _spread(texts: list[str], count: int, *, by_time: bool) -> list[str]:
    return [text for text in texts for _ in range(count)] if by_time else texts * count
