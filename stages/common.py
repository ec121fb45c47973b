"""What all stages share: options, the workspace lock, errors told in a few lines, the closing summary.

Exit codes: 0 done, 1 an error that the user can mend, 2 wrong usage, 130 stopped by Ctrl-C, 143 by a request to end.
A bug of this project ends with its traceback: nothing is hidden.
"""

from __future__ import annotations

import errno
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock, Timeout
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from hindcast.pipeline.errors import BusyError, HindcastError
from hindcast.pipeline.settings.params import Params, load_params

_LOCKS = Path(".hindcast")
_STOPPING = (signal.SIGINT, signal.SIGTERM)
_BY_SIGNAL = 128  # a shell reports a program that a signal ended as this plus the signal's number

_REMEDIES = {
    errno.ENOSPC: "The disk is full: free some space and run the stage again; previous outputs are whole.",
    errno.EDQUOT: "Your quota is used up: free some space and run the stage again; previous outputs are whole.",
    errno.EACCES: "Check who owns it and its permissions.",
    errno.EPERM: "Check who owns it and its permissions.",
    errno.EROFS: "The file system is read-only: run in a folder that can be written.",
    errno.EMFILE: "Too many files are open: raise the limit with `ulimit -n`.",
    errno.ENFILE: "Too many files are open on this machine: close some programs.",
    errno.EEXIST: "A file stands where a folder is wanted: move it away and run the stage again.",
    errno.ENOTDIR: "A file stands where a folder is wanted: move it away and run the stage again.",
    errno.EISDIR: "A folder stands where a file is wanted: move it away and run the stage again.",
    errno.EIO: "The device failed to read or write: check the disk.",
}


Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
"""The option of every command."""


@dataclass(frozen=True)
class Summary:
    """What a stage did, for the user to read: lines of what was read, kept, put aside and written."""

    read: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # printed as they are, below the rest


def run_stage(
    name: str, run: Callable[[Params], Summary], description: str, example: str, argv: list[str] | None = None
) -> int:
    """Run a stage from its command line (`argv`, by default the program's own); return the exit code."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")

    @app.command(name, help=escape(description), epilog=f"Example: {escape(example)}")
    def command(
        params: Annotated[Path, typer.Option(help="The settings file.")] = Path("params.yaml"),
        set_: Annotated[
            list[str] | None,
            typer.Option(
                "--set", metavar="KEY=VALUE", help="Change one setting, as in train.epochs=3; repeatable."
            ),
        ] = None,
        debug: Debug = False,  # noqa: FBT002
    ) -> None:
        raise typer.Exit(guarded(name, lambda: _in_workspace(name, run, params, set_ or []), debug=debug))

    return exit_code_of(app, f"hindcast {name}", argv)


def exit_code_of(app: typer.Typer, program: str, argv: list[str] | None) -> int:
    """Run a typer application and return its exit code instead of ending the process."""
    try:
        app(args=argv, prog_name=program)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def guarded(name: str, work: Callable[[], None], *, debug: bool) -> int:
    """Do the work of a command and return its exit code; errors that the user can mend are told in a few lines."""
    with _stops_noted() as stops:
        try:
            work()
        except BaseException as fault:
            if stops or isinstance(fault, KeyboardInterrupt):  # TensorFlow makes an error of its own of it
                _tell(f"{name}: stopped; previous outputs are whole.")
                return _BY_SIGNAL + (stops or [signal.SIGINT])[0]
            if not isinstance(fault, HindcastError | OSError):
                raise
            if debug:
                traceback.print_exc()
            _tell(f"{name}: {fault if isinstance(fault, HindcastError) else _words_of(fault)}")
            return 1
    return 0


@contextmanager
def _stops_noted() -> Iterator[list[int]]:
    """Yield a list that takes the number of each signal that asks this process to stop; each also interrupts the work."""
    stops: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield stops
        return

    def stop(number: int, _frame: object) -> None:
        stops.append(number)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in _STOPPING}
    try:
        yield stops
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_workspace(name: str, run: Callable[[Params], Summary], params: Path, overrides: list[str]) -> None:
    with _alone(name):
        _print_summary(name, run(load_params(params, overrides)))


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Hold the workspace (the current folder) for this stage, or raise BusyError at once."""
    path = _LOCKS / f"{name}.lock"
    path.parent.mkdir(exist_ok=True)
    try:
        with FileLock(path, timeout=0):
            yield
    except Timeout:
        raise BusyError(
            f"Another run of this stage holds this folder ({path}): wait until it ends, or run in another folder."
        ) from None


def _words_of(fault: OSError) -> str:
    places = " -> ".join(str(place) for place in (fault.filename, fault.filename2) if place is not None)
    what = fault.strerror or str(fault) or type(fault).__name__
    remedy = _REMEDIES.get(fault.errno or 0, "Run it again with --debug to see where it happened.")
    return f"{what}: {places}\n  {remedy}" if places else f"{what}\n  {remedy}"


def _tell(message: str) -> None:
    sys.stderr.write(visible(message) + "\n")


def _print_summary(name: str, summary: Summary) -> None:
    console = Console(highlight=False)
    console.print(Text(name, style="bold"))
    for label, lines in (
        ("read", summary.read),
        ("kept", summary.kept),
        ("put aside", summary.aside),
        ("written", summary.written),
    ):
        for row, line in enumerate(lines):
            head = Text(f"  {label if row == 0 else '':<11}", style="dim")
            console.print(head + Text(visible(line)), soft_wrap=True)
    for line in summary.notes:
        console.print(Text(visible(line)), soft_wrap=True)


def visible(text: str) -> str:
    """The text with control characters spelled out: a name in somebody's data must not steer the terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" else repr(sign)[1:-1] for sign in text)
