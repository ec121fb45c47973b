"""The work of `predict --follow`: the raw files are watched, and each new origin is served once, in order, whatever ends the process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hindcast.pipeline.digests import FOLDER_DIGESTS
from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.serve.complete_files import (
    Clock,
    Pause,
    Stamps,
    cut_off,
    moving_files,
    raw_stamps,
    refuse_files,
    was_renamed,
)
from hindcast.pipeline.serve.deliveries import Delivery, FileType, delivered_origins
from hindcast.pipeline.serve.forecaster import ProjectForecaster, open_forecaster
from hindcast.pipeline.serve.nothing_forecast import NothingForecastError
from hindcast.pipeline.serve.project_network import ProjectNetwork
from hindcast.pipeline.serve.serving_folder import serving_network
from hindcast.pipeline.serve.wanted_origins import Wanted
from hindcast.pipeline.settings.base import SECOND
from hindcast.pipeline.settings.params import Params

Tell = Callable[[Wanted, Delivery], None]
Report = Callable[[HindcastError], None]

_POLL = 2  # seconds between two looks at the stamps
_AGAIN = 600 * SECOND  # after so long the same files are read again: an origin may have come since


class Follower:
    """Watches the raw files of a project by their stamps, which every file system has.

    An origin has been served if `forecasts/` has a file of it; nothing else is remembered. A process that is killed at any moment therefore serves
    none twice and leaves out none. The backlog begins after the newest origin that was served; without any, with the newest that the files allow.
    `tell` is called for each origin that was served, `report` for each fault of the files, which does not end the work.
    """

    def __init__(  # noqa: PLR0917 - the project, and what the caller decides
        self, params: Params, root: Path, settle: int, kind: FileType, tell: Tell, report: Report
    ) -> None:
        self._params, self._root, self._settle, self._kind = params, root, settle, kind
        self._tell, self._report = tell, report
        self._read: Stamps | None = None  # the files as they were when they were last read
        self._again = 0  # when they are read again though they did not change
        self._cut: set[Path] = set()
        self._fault = ""
        self._without: set[int] = set()  # origins without a value that were reported
        self._network: tuple[str, ProjectNetwork] | None = None

    def run(self, clock: Clock = time.time_ns, pause: Pause = time.sleep) -> None:
        """Serve until KeyboardInterrupt."""
        while True:
            self.look(clock)
            pause(_POLL)

    def look(self, clock: Clock = time.time_ns) -> None:
        """Serve what the files allow at the time of the clock (ns UTC), if they have changed and are complete."""
        try:
            self._serve_changed(clock)
        except HindcastError as fault:
            if str(fault) != self._fault:
                self._report(fault)
            self._fault = str(fault)

    def _serve_changed(self, clock: Clock) -> None:
        stamps, before = raw_stamps(self._params, self._root), self._read or {}
        is_same = stamps == self._read and clock() < self._again
        if is_same or moving_files(stamps, self._settle, clock()):
            return
        changed = [
            path
            for path, stamp in stamps.items()
            if before and not was_renamed(stamp) and (before.get(path) != stamp or path in self._cut)
        ]
        self._read, self._again = stamps, clock() + _AGAIN
        base = self._root / self._params.raw.path
        cut = cut_off(list(stamps), changed, base) if self._settle else {}
        self._cut = {base / name for name in cut}
        refuse_files(cut)
        for wanted, made in self._serve(clock):
            self._tell(wanted, made)
        self._fault = ""

    def _serve(self, clock: Clock) -> Iterator[tuple[Wanted, Delivery]]:
        forecaster = self._open()
        for wanted in pending(forecaster, self._root, clock()):
            try:
                yield wanted, forecaster.serve(wanted, self._kind, clock=clock)
            except NothingForecastError as fault:  # the origins after it are served
                if wanted.origin not in self._without:
                    self._report(fault)
                self._without.add(wanted.origin)

    def _open(self) -> ProjectForecaster:
        """Read the files as they are now; the network is opened again only if another one serves."""
        models = serving_network(self._root).folder
        version = digest_of_file(models / FOLDER_DIGESTS) if (models / FOLDER_DIGESTS).is_file() else ""
        if self._network is None or self._network[0] != version:
            self._network = version, ProjectNetwork(self._params, models)
        return open_forecaster(self._params, self._root, self._network[1])


def pending(forecaster: ProjectForecaster, root: Path, now: int) -> list[Wanted]:
    """Return the origins that are still to be served, ascending, up to the newest that the files allow at `now` (ns UTC)."""
    newest = forecaster.newest(now)
    ready = max(wanted.origin for wanted in newest)
    served = [origin for origin in delivered_origins(root) if origin <= ready]
    if not served:
        return [wanted for wanted in newest if wanted.origin == ready]
    return [] if served[-1] == ready else forecaster.origins_in([(served[-1] + 1, ready)])
