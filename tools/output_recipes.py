"""The recipes of output_bytes.py: settings, and the raw files that each of them writes. Together they use every split
policy, feature kind, kind of origin and mode of training.

A recipe with sources (`raw`) writes its files itself. One without uses the output of the stage `simulate`, with the
settings of params.yaml unless it sets others.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from math import cos, pi, sin
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

HOUR = timedelta(hours=1)
ZONES = {"north": "Europe/Berlin", "south": "Europe/Lisbon"}

NETWORK = '''"""A network of one's own, as a user would write it."""

from keras import layers


def two_branches(inputs, brief):
    flow = layers.Dense(8, activation="relu")(inputs["features"])
    who = layers.Embedding(brief.series + 1, 2)(inputs["series"])
    flow = layers.LSTM(8, return_sequences=True)(layers.Concatenate()([flow, who]))
    return {target: layers.Dense(1)(flow) for target in brief.targets}
'''

SIMULATED = """
simulate: {games: 2, customers: 3, days: 60}
train: {units: [8], epochs: 2, lanes: 8, context: 24}
"""
WINDOWS = """
simulate: {games: 2, customers: 3, days: 60}
split: {policy: blocked, validation: 0.1, test: 0.2, block: 5d}
train: {mode: windows, units: [8], cell: gru, epochs: 1, lookback: 24, batch_size: 128, dropout: 0.1}
"""
PER_SERIES = """
simulate: {games: 2, customers: 3, days: 40}
split: {policy: by_series, validation: 0.2, test: 0.2}
train: {mode: per_series, units: [8], epochs: 1, lookback: 24, batch_size: 64}
"""
OWN_NETWORK = """
simulate: {games: 3, customers: 2, days: 40}
split: {policy: by_group, validation: 0.3, test: 0.3}
scale: {by: group}
train: {model: own_network:two_branches, epochs: 1, lanes: 8, context: 24, identity: embedding}
"""
WIDE = """
seed: 3
raw:
  path: raw
  frequency: 1h
  zone: {north: Europe/Berlin, south: Europe/Lisbon}
  max_bad_fraction: 0.05
  sources:
    ahead: &wide
      role: forecast
      files: load_*.csv
      separator: ";"
      decimal: ","
      group: {path: '^load_(\\w+)\\.csv$'}
      valid_time: {column: hour, format: "%d.%m.%Y %H:%M", zone: group, ambiguous: in_order, nonexistent: drop}
      known: {day: -1, at: "09:30", zone: group}
      values: {load_forecast: {header: '^(?P<series>\\w+) forecast$', unit: MW, min: 0}}
    metered:
      <<: *wide
      role: realized
      known: {after_step: 1h}
      values: {load: {header: '^(?P<series>\\w+) load$', unit: MW, min: 0, max: 1000}}
    weather:
      role: forecast
      files: weather.csv
      group: {column: place}
      issue_time: {column: issued}
      valid_time: {column: valid}
      known: {at_issue_plus: 1h}
      values: {temperature: {column: temperature, unit: degC}}
align:
  target: [load]
  published: {load: ahead.load_forecast}
  origin: {at: "10:00", zone: group, covers: next_day}
  gaps: {fill: 2h, longer: indicator}
  features:
    lags: {load: [48h, 7d]}
    rolling: {load: {windows: [24h, 7d], statistics: [mean, std, min, max]}}
    published_error: [7d]
    vintages: 2
    vintage_changes: 1
    calendar: [hour, weekday, yearday]
    holidays: {north: {country: DE, subdivision: BY}, south: {country: PT}}
    lead: true
split: {policy: rolling_origin, validation: 0.1, test: 0.1, folds: 3, window: sliding}
scale: {by: series, min_rows: 50}
train: {units: [8], epochs: 2, lanes: 8, run_length: 20d, warm_up: 24, context: 24, residual: true, loss: huber}
evaluate: {sums: [group, all]}
"""
TRACKS = """
raw:
  path: raw
  frequency: 1h
  sources:
    weather:
      role: forecast
      files: wind_*.csv
      group: {constant: farms}
      series: {path: 'wind_(\\d+)\\.csv$'}
      issue_time: {column: date, format: "%Y%m%d%H"}
      lead: {column: hors, unit: h}
      known: {at_issue_plus: 0h}
      values:
        speed: {column: ws, unit: m/s, min: 0}
        direction: {column: wd, unit: deg, angle: true}
        power_forecast: {column: p, unit: "1"}
    production:
      role: realized
      files: power.csv
      group: {constant: farms}
      valid_time: {column: date, format: "%Y%m%d%H"}
      known: {after_step: 0h}
      values: {power: {header: '^wp(?P<series>\\d+)$', unit: "1", min: 0, max: 1}}
align:
  target: [power]
  published: {power: power_forecast}
  from: 2024-03-02
  origin: {every: 12h, at: "00:00", zone: Europe/Berlin, from: 1h, for: 30h}
  vintage: {take: newest_filled, max_age: 60h}
  gaps: {fill: 1h, longer: end}
  shortest: 6h
  features: {ahead: 2, vintages: 3, vintage_changes: 1, recent: {power: 3}, calendar: [hour], lead: true}
pack: {segment_length: 12, codec: gzip, chunk_bytes: 64KiB}
split: {policy: chronological, validation: "2024-04-10", test: "2024-04-18"}
train: {units: [8, 8], epochs: 2, lanes: 16, context: 24, loss: pinball, quantiles: [0.1, 0.5, 0.9],
        average: 0.9, identity: embedding, checkpoint_every: 5}
"""
FINE = """
raw:
  path: raw
  frequency: 1h
  zone: Europe/Berlin
  max_bad_fraction: 0.05
  sources:
    outlook:
      role: forecast
      files: outlook.csv
      group: {constant: site}
      series: {column: meter, map: {M1: first, M2: second}}
      issue_time: {column: issued, format: epoch_s}
      valid_time: {column: valid, format: epoch_s}
      known: {column: arrived}
      interpolate: 3h
      values: {demand_forecast: {column: kwh, unit: kWh, resample: sum}, sun: {column: sun, unit: W/m2}}
    meters:
      role: realized
      files: meters.csv.gz
      group: {constant: site}
      series: {column: meter, map: {M1: first, M2: second}}
      valid_time: {column: ended, format: "%Y-%m-%d %H:%M", zone: group, label: end, step: 15min, ambiguous: in_order}
      known: {after_step: 30min}
      spacing: 15min
      around: [kWh]
      ignore_lines: "^#"
      values: {demand: {column: used, unit: kWh, min: 0, resample: sum}}
    plan:
      role: known
      files: plan.csv
      group: {constant: site}
      valid_time: {column: day, zone: group}
      values: {open: {column: open, unit: "1", allowed: [0, 1]}}
    meter_data:
      role: known
      files: meter_data.csv
      group: {constant: site}
      series: {column: meter, map: {M1: first, M2: second}}
      values: {capacity: {column: capacity, unit: kW}}
align:
  target: [demand]
  published: {demand: outlook.demand_forecast}
  origin: {before: 12h}
  least_observed: 0.6
  gaps: {fill: 24h, longer: end}
  features: {lags: {demand: [24h]}, recent: {demand: 2}, calendar: [hour, weekday], holidays: {country: DE}}
pack: {codec: none}
split: {policy: random, validation: 0.1, test: 0.2}
scale: {by: none, target: series}
train: {mode: windows, units: [8], members: 2, epochs: 2, lookback: 24, batch_size: 128, loss: mse,
        schedule: cosine, identity: none, validation: memory}
evaluate: {baselines: [published, persistence, trees, reference_24h], sums: [group]}
"""


def write(path: Path, rows: Iterable[Iterable[object]], separator: str = ",") -> None:
    """Write a CSV file, compressed if its name has such a suffix."""
    path.parent.mkdir(exist_ok=True)
    text = "".join(separator.join(map(str, row)) + "\n" for row in rows)
    content = text.encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def hours(start: datetime, days: int) -> list[datetime]:
    """Return every full hour of a given number of days."""
    return [start + number * HOUR for number in range(24 * days)]


def wave(moment: datetime, level: float) -> float:
    """Compute a daily and a weekly cycle around a level."""
    hour, day = moment.hour, moment.timetuple().tm_yday
    return level * (1 + 0.3 * sin(2 * pi * (hour - 8) / 24) + 0.1 * cos(2 * pi * day / 7))


def write_wide(workspace: Path) -> None:
    """Write one file of local hours per group, across the clock change of autumn, with gaps and bad cells; and weather."""
    draw = random.Random(1)
    start = datetime(2024, 9, 15, tzinfo=UTC)
    weather: list[list[object]] = [["place", "issued", "valid", "temperature"]]
    for group, zone in ZONES.items():
        names = [f"{group}_{letter}" for letter in "ABC"]
        rows: list[list[str]] = [
            ["hour", *(f"{name} {kind}" for name in names for kind in ("load", "forecast"))]
        ]
        for number, moment in enumerate(hours(start, 75)):
            row = [f"{moment.astimezone(ZoneInfo(zone)):%d.%m.%Y %H:%M}"]
            for place in range(len(names)):
                truth = wave(moment, 50 * 3**place)
                row += [
                    f"{truth * (1 + draw.gauss(0, 0.05)):.2f}",
                    f"{truth * (1.02 + draw.gauss(0, 0.04)):.2f}",
                ]
            if number % 97 == 50:
                row[1 + number % 6] = ("-", "broken", "-12,5", "99999")[number % 4]
            if 600 <= number < 606 or draw.random() < 0.01:
                row[2] = ""
            rows.append([cell.replace(".", ",") if place else cell for place, cell in enumerate(row)])
        rows[100][0] = "31.02.2024 10:00"
        rows[500:520] = []
        write(workspace / f"raw/load_{group}.csv", [*rows, rows[40]], ";")
        for issued in (start + 6 * number * HOUR for number in range(-8, 4 * 75 - 8)):
            for lead in range(6, 60, 2 if group == "south" else 1):
                valid = issued + lead * HOUR
                cells = [group, f"{issued:%Y-%m-%dT%H:%MZ}", f"{valid:%Y-%m-%dT%H:%MZ}"]
                weather.append([*cells, round(wave(valid, 12) + draw.gauss(0, 0.05 * lead), 2)])
    write(workspace / "raw/weather.csv", weather)


def write_tracks(workspace: Path) -> None:
    """Write wind forecasts every 12 h for 48 h, some of them missing or empty; power with gaps."""
    draw = random.Random(2)
    start = datetime(2024, 3, 1, tzinfo=UTC)
    every = hours(start, 60)
    truth = {
        (farm, moment): abs(sin(number / 17 + farm) + 0.4 * sin(number / 5)) * 10
        for farm in (1, 2, 3)
        for number, moment in enumerate(hours(start, 63))
    }
    for farm in (1, 2, 3):
        rows: list[list[object]] = [["date", "hors", "ws", "wd", "p"]]
        for number, issued in enumerate(every[::12]):
            if number % 31 in (20, 21, 22, 23, 24):
                continue
            for lead in range(1, 49):
                wind = max(0.0, truth[farm, issued + lead * HOUR] + draw.gauss(0, 0.05 * lead))
                cells: list[object] = [
                    f"{wind:.2f}",
                    f"{(wind * 50 + farm) % 360:.0f}",
                    f"{min(1, wind / 12):.3f}",
                ]
                empty = number % 17 == 5 and lead < 25
                rows.append([f"{issued:%Y%m%d%H}", lead, *([""] * 3 if empty else cells)])
        write(workspace / f"raw/wind_{farm}.csv", rows)
    power: list[list[object]] = [["date", "wp1", "wp2", "wp3"]]
    for number, moment in enumerate(every):
        values = [min(1, max(0, truth[farm, moment] / 12 + draw.gauss(0, 0.05))) for farm in (1, 2, 3)]
        if not 700 <= number < 730:
            power.append(
                [f"{moment:%Y%m%d%H}", *("NA" if draw.random() < 0.02 else f"{one:.3f}" for one in values)]
            )
    write(workspace / "raw/power.csv", power)


def write_fine(workspace: Path) -> None:
    """Write quarter hours of two meters with contradictions and remarks, a coarse forecast, a daily plan, attributes."""
    draw = random.Random(4)
    start = datetime(2024, 3, 10, tzinfo=UTC)
    outlook: list[list[object]] = [["meter", "issued", "valid", "arrived", "kwh", "sun"]]
    meters: list[list[object]] = [["meter", "ended", "used"], ["# made up"]]
    for number, name in enumerate(("M1", "M2", "M3")):
        for issued in hours(start, 45)[::6]:
            arrived = issued + timedelta(minutes=10 + draw.randrange(50))
            for lead in range(12, 37, 3):
                valid = issued + lead * HOUR
                value = wave(valid, 4 + 8 * number) * (1 + draw.gauss(0, 0.02 + lead / 1000))
                cells = [name, int(issued.timestamp()), int(valid.timestamp()), f"{arrived:%Y-%m-%dT%H:%MZ}"]
                outlook.append(
                    [*cells, f"{value:.3f}", max(0, round(400 * sin(2 * pi * (valid.hour - 6) / 24)))]
                )
        for step in range(45 * 24 * 4):
            moment = start + step * timedelta(minutes=15)
            ended = (moment + timedelta(minutes=15)).astimezone(ZoneInfo("Europe/Berlin"))
            if step % 501 < 6:
                continue
            used = f"{wave(moment, 1 + 2 * number) * (1 + draw.gauss(0, 0.1)):.3f} kWh"
            meters.append([name, f"{ended:%Y-%m-%d %H:%M}", used])
            if step % 997 == 300:
                meters.append([name, f"{ended:%Y-%m-%d %H:%M}", "1.5 kWh"])
    days = [start + timedelta(days=number) for number in range(-2, 48)]
    write(workspace / "raw/outlook.csv", outlook)
    write(workspace / "raw/meters.csv.gz", meters)
    write(
        workspace / "raw/plan.csv",
        [["day", "open"], *([f"{day:%Y-%m-%d}", int(day.weekday() < 5)] for day in days)],
    )
    write(workspace / "raw/meter_data.csv", [["meter", "capacity"], ["M1", 10], ["M2", 30], ["M3", 55]])


def write_network(workspace: Path) -> None:
    """Write a custom network's module next to the settings."""
    (workspace / "own_network.py").write_text(NETWORK, encoding="utf-8")


def write_nothing(_workspace: Path) -> None:
    """Write nothing: the stage `simulate` makes all raw files."""


Write = Callable[[Path], None]

SMALL: dict[str, tuple[dict[str, Any], Write]] = {
    "simulated": (yaml.safe_load(SIMULATED), write_nothing),
    "wide": (yaml.safe_load(WIDE), write_wide),
    "tracks": (yaml.safe_load(TRACKS), write_tracks),
    "windows": (yaml.safe_load(WINDOWS), write_nothing),
    "per_series": (yaml.safe_load(PER_SERIES), write_nothing),
    "own_network": (yaml.safe_load(OWN_NETWORK), write_network),
    "fine": (yaml.safe_load(FINE), write_fine),
}

_SHORT: dict[str, Any] = {"epochs": 1, "units": [8]}

# By name: the data set in conf/dataset, the folder of its files, and what is made smaller.
REAL: dict[str, tuple[str, str, dict[str, Any]]] = {
    "real-ercot": ("ercot", "ercot_load", {"train": _SHORT}),
    "real-opsd": ("opsd", "opsd_load", {"align": {"groups": ["DE"]}, "train": _SHORT}),
    "real-gefcom2012": ("gefcom2012", "gefcom2012_wind", {"align": {"until": "2010-01-01"}, "train": _SHORT}),
    "real-entsoe": ("entsoe", "entsoe_load", {"train": _SHORT}),
}
