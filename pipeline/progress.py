"""Progress of long work: a bar on a terminal, plain lines elsewhere, nothing for short work.

Everything goes to stderr; no output of a stage depends on it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Self

from hindcast.pipeline.wording import counted

if TYPE_CHECKING:
    from rich.progress import Progress

_SHOW_AFTER = 2.0  # seconds; a shorter wait needs no bar
_LINE_EVERY = 10.0  # seconds; keeps the log of a long run short
_bar_shown = Lock()  # rich shows one live display at a time: work inside other work shows nothing


@contextmanager
def progress(
    description: str, total: int, unit: str, note: Callable[[], str] | None = None
) -> Iterator[Callable[[int], None]]:
    """Yield `advance(count)`, to be called whenever `count` of `total` units are done (from any thread).

    `unit` is the noun for one. Shows nothing before 2 s; then a bar if stderr is a terminal, else a line at most every 10 s. The text of `note()`
    follows the count.
    """
    with _Display(description, total, unit, note) as display:
        yield display.advance


class _Display:
    """A count, and a thread that shows it while the work runs, even through one long unit."""

    def __init__(self, description: str, total: int, unit: str, note: Callable[[], str] | None) -> None:
        self._description, self._total, self._unit, self._note = description, total, unit, note
        self._done = 0
        self._counting = Lock()
        self._end = Event()
        self._thread = Thread(target=self._show, name=f"progress of {description}", daemon=True)

    def advance(self, count: int) -> None:
        with self._counting:
            self._done += count

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _show(self) -> None:
        if self._end.wait(_SHOW_AFTER):
            return
        if not sys.stderr.isatty():
            self._show_lines()
        elif _bar_shown.acquire(blocking=False):
            try:
                self._show_bar()
            finally:
                _bar_shown.release()

    def _show_lines(self) -> None:
        shown = None
        while True:
            over = self._end.is_set()
            line = f"{self._description}: {self._done:,} of {counted(self._total, self._unit)}"
            if self._note is not None:
                line = f"{line}, {self._note()}"
            if line != shown or not over:
                sys.stderr.write(line + "\n")
                sys.stderr.flush()
            shown = line
            if over:
                return
            self._end.wait(_LINE_EVERY)

    def _show_bar(self) -> None:
        with _new_bar(counted(self._total, self._unit).partition(" ")[2]) as bar:
            task = bar.add_task(self._description, total=self._total, completed=self._done, note="")
            over = False
            while not over:
                over = self._end.wait(0.2)
                bar.update(task, completed=self._done, note=self._note() if self._note is not None else "")


def _new_bar(unit: str) -> Progress:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(escape(unit)),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}", markup=False),
    )
    return Progress(*columns, console=Console(stderr=True))
