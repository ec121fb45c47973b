"""`predict --follow` serves each new origin once and in order, whatever the files do and however the process ends."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hindcast.pipeline.errors import HindcastError, MissingInputError, RawDataError
from hindcast.pipeline.serve import follow as module
from hindcast.pipeline.serve.deliveries import FOLDER, Delivery, delivered_origins, name_of_origin
from hindcast.pipeline.serve.follow import Follower, pending
from hindcast.pipeline.serve.nothing_forecast import NothingForecastError
from hindcast.pipeline.serve.wanted_origins import Wanted
from hindcast.pipeline.settings.base import SECOND
from hindcast.pipeline.settings.params import Params
from tests.align.mock import DAY, START, mock_params


class Service:
    """A project whose files allow the origins up to day `ready`, an origin each day; it notes what it serves."""

    def __init__(self, root: Path) -> None:
        self.root, self.ready, self.now, self.opened = root, 0, START + 9 * DAY, 0
        self.served: list[int] = []
        self.faults: list[str] = []
        self.fault: HindcastError | None = None
        self.network = object()

    def open(self, _params: Params, _root: Path, _network: Any = None) -> Any:
        self.opened += 1
        if self.fault is not None:
            raise self.fault
        return SimpleNamespace(
            newest=self.newest, origins_in=self.origins_in, serve=self.serve, network=self.network
        )

    def newest(self, now: int) -> list[Wanted]:
        assert now == self.now
        if self.ready < 0:
            raise MissingInputError("nothing yet")
        return [Wanted(START + self.ready * DAY, ("a",))]

    def origins_in(self, ranges: list[tuple[int, int]]) -> list[Wanted]:
        ((first, last),) = ranges
        return [Wanted(START + day * DAY, ("a",)) for day in range(99) if first <= START + day * DAY <= last]

    def serve(self, wanted: Wanted, kind: str, *, clock: Any) -> Delivery:
        path = self.root / FOLDER / f"{name_of_origin(wanted.origin)}.{kind}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
        return Delivery(path, is_new=True, revision=1, rows=1, methods={})

    def day(self, origin: int) -> int:
        return (origin - START) // DAY


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    made = Service(tmp_path)
    monkeypatch.setattr(module, "open_forecaster", made.open)
    monkeypatch.setattr(module, "ProjectNetwork", lambda *_: None)
    return made


def follower(service: Service, settle: int = 10 * SECOND) -> Follower:
    chosen = mock_params(sources=("meter",))
    raw = chosen.raw.model_copy(update={"path": str(service.root)})
    return Follower(
        chosen.model_copy(update={"raw": raw}),
        service.root,
        settle,
        "parquet",
        lambda wanted, _: service.served.append(service.day(wanted.origin)),
        lambda fault: service.faults.append(str(fault)),
    )


def write(service: Service, number: int, text: str = "x\n", age: int = 60) -> Path:
    """Write a raw file that changed `age` seconds ago, by the clock of the service."""
    path = service.root / f"u{number}.csv"
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(service.now - age * SECOND,) * 2)
    return path


def test_each_origin_is_served_once_and_a_backlog_in_order(service: Service) -> None:
    first = follower(service)
    service.ready = 3
    write(service, 1)
    for _ in range(3):
        first.look(lambda: service.now)
    assert service.served == [3]
    assert service.opened == 1, "the same files are read once"
    service.ready = 6
    write(service, 2)
    first.look(lambda: service.now)
    assert service.served == [3, 4, 5, 6]
    again = follower(service)  # after a kill
    again.look(lambda: service.now)
    assert service.served == [3, 4, 5, 6]
    (
        service.root / FOLDER / f"{name_of_origin(START + 6 * DAY)}.parquet"
    ).unlink()  # killed before it was written
    follower(service).look(lambda: service.now)
    assert service.served == [3, 4, 5, 6, 6]
    assert [service.day(origin) for origin in delivered_origins(service.root)] == [3, 4, 5, 6]
    assert not service.faults


def test_an_origin_that_somebody_served_ahead_hides_none(service: Service) -> None:
    service.ready = 2
    forecaster = service.open(mock_params(), service.root)
    for day in (1, 7):
        forecaster.serve(Wanted(START + day * DAY, ("a",)), "csv", clock=None)
    assert [service.day(each.origin) for each in pending(forecaster, service.root, service.now)] == [2]
    service.ready = 7
    assert pending(forecaster, service.root, service.now) == []


def test_a_broken_file_is_reported_once_and_does_not_end_it(service: Service) -> None:
    running = follower(service)
    service.fault = RawDataError("u1.csv is broken")
    write(service, 1)
    for _ in range(3):
        running.look(lambda: service.now)
    assert service.faults == ["u1.csv is broken"]
    write(service, 1, "xx\n")
    running.look(lambda: service.now)
    assert service.faults == ["u1.csv is broken"]
    service.fault, service.ready = None, 4
    write(service, 1, "whole\n")
    running.look(lambda: service.now)
    assert service.served == [4]
    service.fault = RawDataError("u1.csv is broken")
    write(service, 1, "xx\n")
    running.look(lambda: service.now)
    assert len(service.faults) == 2, "after it was whole, the same fault is news"


def test_files_that_are_written_are_waited_for_and_cut_ones_refused(service: Service) -> None:
    running = follower(service)
    write(service, 1)
    path = write(service, 2, "x\n", age=2)
    os.utime(path, ns=(path.stat().st_ctime_ns + 10**12,) * 2)  # a later time than that of any renaming
    service.now = path.stat().st_mtime_ns + 2 * SECOND
    running.look(lambda: service.now)
    assert not service.served
    service.now += 9 * SECOND
    running.look(lambda: service.now)
    assert service.served == [0]
    service.ready = 1
    path.write_text("x\ny", encoding="utf-8")
    os.utime(path, ns=(service.now - 60 * SECOND,) * 2)
    for _ in range(2):
        running.look(lambda: service.now)
        service.now += module._AGAIN
    assert len(service.faults) == 1
    assert "u2.csv has stopped changing and is cut off" in service.faults[0]
    assert service.served == [0], "it is not read later either"
    path.write_text("x\ny\n", encoding="utf-8")
    os.utime(path, ns=(service.now - 60 * SECOND,) * 2)
    running.look(lambda: service.now)
    assert service.served == [0, 1]


def test_without_new_files_the_clock_may_allow_an_origin(service: Service) -> None:
    running = follower(service)
    write(service, 1)
    running.look(lambda: service.now)
    service.ready, service.now = 1, service.now + module._AGAIN - 1
    running.look(lambda: service.now)
    assert service.served == [0]
    service.now += 1
    running.look(lambda: service.now)
    assert service.served == [0, 1]


def test_a_missing_folder_is_reported_and_waited_for(service: Service) -> None:
    running = follower(service)
    for _ in range(2):
        running.look(lambda: service.now)
    assert len(service.faults) == 1
    assert "no file matches" in service.faults[0]
    write(service, 1)
    running.look(lambda: service.now)
    assert service.served == [0]


def test_an_origin_without_a_value_is_reported_once_and_those_after_it_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forecaster:
        def serve(self, wanted: Wanted, *_: object, **__: object) -> str:
            if wanted.origin == 1:
                raise NothingForecastError("Nothing can be forecast.")
            return f"forecast of {wanted.origin}"

    reported: list[HindcastError] = []
    follower = Follower(mock_params(), tmp_path, 0, "parquet", lambda *_: None, reported.append)
    monkeypatch.setattr(module, "pending", lambda *_: [Wanted(each, ("g",)) for each in (1, 2, 3)])
    monkeypatch.setattr(follower, "_open", Forecaster)
    for _ in range(2):
        made = [str(done) for _, done in follower._serve(lambda: 0)]
        assert made == ["forecast of 2", "forecast of 3"]
    assert [str(fault) for fault in reported] == ["Nothing can be forecast."]
