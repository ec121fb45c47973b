"""A simulated year of service, day by day: files that arrive late, are revised or overwritten, an archive, and forecasts by a stand-in.

The raw files are those of `simulate`, ingested once; what had arrived by a day are rows of their tables. The stand-in forecasts with an error of
its own, so that no network is trained; `monitor` judges it as it would judge a network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hindcast.pipeline.files import write_json
from hindcast.pipeline.serve.archive import Archive, Span
from hindcast.pipeline.serve.deliveries import deliver
from hindcast.pipeline.serve.monitor import Findings, judge_service
from hindcast.pipeline.settings.params import Params, load_params
from hindcast.pipeline.tables import FORMAT, MANIFEST, read_table, table_path, table_schema
from hindcast.pipeline.wording import time_text
from hindcast.stages import ingest, simulate

ROOT = Path(__file__).resolve().parents[2]
HOUR = 3600 * 10**9
DAY = 24 * HOUR
GROUP = "game_01"
REFERENCE_DAYS = 400
SETTINGS = [
    "simulate.games=1", "simulate.customers=3", "simulate.zone=UTC", "raw.zone=UTC",
    "align.origin={at: '08:00', zone: UTC, covers: next_day}", "align.features.forecast=[temperature]",
    "raw.sources.meters.valid_time.ambiguous=earlier",
]  # fmt: skip

Frames = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong in the rows that became known in [first, last) days of service.

    `delay` is how much later than declared they arrive; `change` rewrites rows that have arrived, `after` days later.
    """

    name: str
    source: str
    days: tuple[int, int]
    expected: frozenset[str]
    delay: int = 0
    after: int = 5
    change: Callable[[pd.DataFrame], pd.DataFrame] | None = None


@dataclass
class ServiceYear:
    """A folder with forecasts, an archive and an evaluation, and the tables of each day."""

    folder: Path
    params: Params
    frames: Frames
    start: int  # ns UTC: the first day of service, at 00:00
    faults: tuple[Fault, ...] = ()
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(4))

    def moment(self, day: int) -> int:
        """Return the time of the look of a day: the origin."""
        return self.start + day * DAY + 8 * HOUR

    def arrived(self, moment: int) -> Frames:
        """Return the rows that are in the files at a moment, as they are then."""
        return {name: self._of_source(name, frame, moment) for name, frame in self.frames.items()}

    def _of_source(self, name: str, frame: pd.DataFrame, moment: int) -> pd.DataFrame:
        known = frame["known_time"].to_numpy()
        arrival = known.copy()
        parts = []
        for fault in (each for each in self.faults if each.source == name):
            first, last = (self.start + day * DAY for day in fault.days)
            inside = (known >= first) & (known < last)
            arrival[inside] += fault.delay
            if fault.change is not None:
                parts.append((inside & (known + fault.after * DAY <= moment), fault.change))
        whole = frame[arrival <= moment].copy()
        for changed, change in parts:  # by label: the change before has moved rows
            here = whole.index.isin(frame.index[changed])
            whole = pd.concat([whole[~here], change(whole[here].copy())])
        if parts:
            keys = [key for key in ("series", "valid_time", "issue_time", "known_time") if key in whole]
            whole = whole.sort_values(keys, ignore_index=True)
        return whole

    def serve(self, day: int) -> None:
        """Store what arrived by a day's origin, and deliver the forecast of the stand-in."""
        moment = self.moment(day)
        frames = self.arrived(moment)
        span = Span(moment - 10 * DAY, moment)
        with Archive(self.folder, self.params.raw.table_sources, span.since, moment) as archive:
            archive.add(GROUP, frames, span)
        deliver(self.folder, self._forecast(moment), moment, {"created_at": time_text(moment)})

    def look(self, day: int) -> Findings:
        """Return what `monitor` finds on a day."""
        moment = self.moment(day)
        write_tables(self.folder / "tables", self.arrived(moment), self.params)
        return judge_service(self.params, self.folder, self.folder / "tables", moment)

    def _forecast(self, origin: int) -> pa.Table:
        rows = self.steps(origin, origin)
        stamp = pa.timestamp("ns", tz="UTC")
        count = len(rows)
        return pa.table(
            {
                "group": [GROUP] * count,
                "series": pa.array(rows["series"].astype(str)),
                "target": ["usage"] * count,
                "origin": pa.array(rows["origin"]).cast(stamp),
                "valid_time": pa.array(rows["valid_time"]).cast(stamp),
                "track": pa.array(np.zeros(count, np.int32)),
                "lead": (rows["valid_time"] - rows["origin"]) / HOUR,
                "value": pa.array(rows["model"].astype(np.float32), from_pandas=True),
                "published": pa.array(rows["published"].astype(np.float32), from_pandas=True),
                "method": ["network"] * count,
                "note": [""] * count,
            }
        )

    def steps(self, first: int, last: int) -> pd.DataFrame:
        """Return the steps of the origins in [first, last] (ns UTC) with the measured value, the stand-in's and the published one."""
        usage = self.frames["meters"][["series", "valid_time", "usage"]].assign(
            series=lambda rows: rows["series"].astype(str)
        )
        usage["origin"] = usage["valid_time"] // DAY * DAY - DAY + 8 * HOUR
        usage = usage[(usage["origin"] >= first) & (usage["origin"] <= last)].dropna()
        published = self.frames["operator"].assign(series=lambda rows: rows["series"].astype(str))
        published["origin"] = published["issue_time"] // DAY * DAY + 8 * HOUR
        columns = ["series", "valid_time", "origin", "usage_forecast"]
        rows = usage.merge(published[columns], how="left", on=columns[:3])
        noise = np.array(
            [_noise(series, time) for series, time in zip(rows["series"], rows["valid_time"], strict=True)]
        )
        return rows.assign(
            model=rows["usage"] * np.exp(0.06 * noise),
            published=rows["usage_forecast"],
            actual=rows["usage"],
            group=GROUP,
        )


def _noise(series: str, time: int) -> float:
    """A number of about unit deviation that depends on nothing but the row."""
    digest = hashlib.sha256(f"{series} {time}".encode()).digest()
    return float(sum(digest[:12]) / 12 - 127.5) / 21.3


def make_year(folder: Path, days: int, faults: tuple[Fault, ...] = ()) -> ServiceYear:
    """Simulate and ingest the raw files, and write the evaluation of the stand-in on the last days before service."""
    (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    words = [
        word
        for setting in [*SETTINGS, f"simulate.days={REFERENCE_DAYS + days}"]
        for word in ("--set", setting)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in (simulate, ingest):
            assert stage.main(words) == 0
    params = load_params(folder / "params.yaml", words[1::2])
    frames = {
        name: frame
        for name in params.raw.table_sources
        if (frame := read_table(folder / "data/tables", name, GROUP)) is not None
    }
    start = params.simulate.start + REFERENCE_DAYS * DAY
    year = ServiceYear(folder, params, frames, start, faults)
    rows = year.steps(start - 90 * DAY, start - 2 * DAY)
    stamps = {name: pd.to_datetime(rows[name], utc=True) for name in ("valid_time", "origin")}
    (folder / "reports").mkdir(exist_ok=True)
    rows.assign(split="test", target="usage", **stamps).to_parquet(folder / "reports/predictions.parquet")
    return year


def write_tables(folder: Path, frames: Mapping[str, pd.DataFrame], params: Params) -> None:
    """Write typed rows as `ingest` does, as far as readers see it."""
    sources: dict[str, Any] = {}
    for name, frame in frames.items():
        schema = table_schema(params.raw.sources[name])
        columns = [
            pa.array(frame[column.name].astype(str)) if column.type == pa.string()
            else pa.array(frame[column.name].to_numpy()).cast(column.type) if pa.types.is_timestamp(column.type)
            else pa.array(frame[column.name].to_numpy(), from_pandas=True)
            for column in schema
        ]  # fmt: skip
        path = folder / table_path(name, GROUP)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_arrays(columns, schema=schema), path, compression="none")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        sources[name] = {"groups": {GROUP: {"file": table_path(name, GROUP), "digest": digest}}}
    write_json(folder / MANIFEST, {"format": FORMAT, "sources": sources})
