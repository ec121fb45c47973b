"""Forecasts of several origins: one without a value does not stop the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.serve.deliveries import Delivery, FileType
from hindcast.pipeline.serve.forecaster import ProjectForecaster
from hindcast.pipeline.serve.nothing_forecast import NothingForecastError
from hindcast.pipeline.serve.wanted_origins import Wanted
from hindcast.pipeline.wording import counted, listed, time_text


@dataclass
class ServedRange:
    """The origins that were forecast, with their files, and those at which nothing can be forecast, with the reasons."""

    made: list[tuple[Wanted, Delivery]] = field(default_factory=list)
    without: list[tuple[Wanted, NothingForecastError]] = field(default_factory=list)

    def refuse_gaps(self) -> None:
        """Raise the error of a single origin, or MissingInputError that names each origin at which nothing can be forecast."""
        if self.without and not self.made and len(self.without) == 1:
            raise self.without[0][1]
        if self.without:
            count = len(self.made) + len(self.without)
            raise MissingInputError(
                f"Nothing can be forecast at {len(self.without):,} of {counted(count, 'origin')}, for which no file was written.",
                [f"{time_text(each.origin)}: {listed(fault.faults, 3)}" for each, fault in self.without],
            )


def serve_range(
    forecaster: ProjectForecaster, wanted: Sequence[Wanted], kind: FileType, *, replace: bool
) -> ServedRange:
    """Forecast and deliver one origin after another, as `ProjectForecaster.serve` does."""
    served = ServedRange()
    for each in wanted:
        try:
            served.made.append((each, forecaster.serve(each, kind, replace=replace)))
        except NothingForecastError as fault:
            served.without.append((each, fault))
    return served
