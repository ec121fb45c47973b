"""Code shared by all stages: options, the workspace lock, short error messages, the closing summary.

Exit codes: 0 success, 1 an error that the user can fix, 2 wrong usage, 130 stopped by Ctrl-C, 143 stopped by SIGTERM.
A bug in this project ends with its traceback.
"""

from __future__ import annotations

import errno
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from filelock import FileLock, Timeout
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from hindcast.pipeline.digests import warn_of_cache
from hindcast.pipeline.errors import BusyError, HindcastError
from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.wording import printable
from hindcast.stages.early_stop import BY_SIGNAL, STOPPING, note_begin

Given = TypeVar("Given")  # what a stage is given: the settings that it reads

_LOCKS = Path(".hindcast")

_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}

_WRONG_KIND = "{} exists where the stage needs {}: move it elsewhere and run the stage again."
_FILE_FOR_FOLDER = _WRONG_KIND.format("A file", "a folder")
_REMEDIES = {
    errno.ENOSPC: "The disk is full: free some space and run the stage again. Previous outputs are unchanged.",
    errno.EDQUOT: "Your disk quota is used up: free some space and run the stage again. Previous outputs are unchanged.",
    errno.EFBIG: "Files may not grow so large here: raise the limit with `ulimit -f`, or use a file system for larger files, and run "
    "the stage again. Previous outputs are unchanged.",
    errno.ENOENT: "It is missing, or its folder takes no new files: check the path and run the command again.",
    errno.EACCES: "Check its owner and permissions, then run the stage again.",
    errno.EPERM: "Check its owner and permissions, then run the stage again.",
    errno.EROFS: "The file system is read-only: run the stage in a writable folder.",
    errno.EMFILE: "Too many open files: raise the limit with `ulimit -n`, then run the stage again.",
    errno.ENFILE: "Too many open files on this machine: close some programs, then run the stage again.",
    errno.EEXIST: _FILE_FOR_FOLDER,
    errno.ENOTDIR: _FILE_FOR_FOLDER,
    errno.EISDIR: _WRONG_KIND.format("A folder", "a file"),
    errno.EIO: "The device reported a read or write error: check the disk, then run the stage again.",
}


Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
"""An option of every command."""


ParamsFile = Annotated[Path, typer.Option(help="The settings file.")]
"""An option of every stage."""

PARAMS = Path("params.yaml")
"""Its default."""

Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, as in train.epochs=3; repeatable."),
]
"""An option of every stage."""


@dataclass(frozen=True)
class Summary:
    """Lines for the user on what a stage read, kept, excluded and wrote."""

    read: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    wrote: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # printed without a label, below the rest


def quality_notes(root: Path) -> tuple[str, ...]:
    """Return a line about the warnings of the quality check of `ingest`, for the notes of a summary."""
    from hindcast.pipeline.tables import quality_summary

    summary = quality_summary(root)
    return (f"  Warning: {summary}",) if summary else ()


def stage_main(
    name: str,
    run: Callable[[Given], Summary],
    description: str,
    example: str,
    load: Callable[[Path, Sequence[str]], Given] = load_params,  # type: ignore[assignment]  # for Params
) -> Command:
    """Return the function `main` of a stage, which calls `run` with the settings from a command line in a locked workspace.

    `load` reads the settings that the stage needs: all of them, unless it says otherwise.
    """

    def command(params: ParamsFile = PARAMS, set_: Changes = None, debug: Debug = False) -> None:  # noqa: FBT002
        with locked_stage(name, debug=debug) as finish:
            finish(run(load(params, set_ or [])))

    return command_main(name, command, description, example)


@dataclass(frozen=True)
class Command:
    """A command: called with arguments (by default the program's own), it runs `work` and returns the exit code."""

    name: str
    work: Callable[..., None]
    description: str
    example: str

    def __call__(self, argv: list[str] | None = None) -> int:
        """Run the command and return its exit code."""
        return run_app(self.app(), f"hindcast {self.name}", argv)

    def app(self) -> typer.Typer:
        """Return the typer application, whose options are the parameters of `work`."""
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
        app.command(self.name, help=escape(self.description), epilog=f"Example: {escape(self.example)}")(
            self.work
        )
        return app


def command_main(name: str, command: Callable[..., None], description: str, example: str) -> Command:
    """Return the function `main(argv=None)` of a command, which parses the parameters of `command` from the arguments with typer."""
    return Command(name, command, description, example)


def run_app(app: typer.Typer, program: str, argv: list[str] | None) -> int:
    """Run a typer application and return its exit code instead of ending the process."""
    try:
        app(args=argv, prog_name=program)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


@contextmanager
def reported_errors(name: str, *, debug: bool) -> Iterator[None]:
    """Wrap the work of a command: print errors that the user can fix in a few lines, then raise typer.Exit with the code."""
    with _record_stop_signals() as stops:
        try:
            yield
        except BaseException as fault:
            if stops or isinstance(
                fault, KeyboardInterrupt
            ):  # after a signal, TensorFlow may raise its own error
                _print_error(f"{name}: stopped; previous outputs are unchanged.")
                raise typer.Exit(BY_SIGNAL + (stops or [signal.SIGINT])[0]) from fault
            if not isinstance(fault, HindcastError | OSError):
                raise
            if debug:
                traceback.print_exc()
            _print_error(
                f"{name}: {fault if isinstance(fault, HindcastError) else _describe_os_error(fault)}"
            )
            raise typer.Exit(1) from fault


@contextmanager
def locked_stage(name: str, *, debug: bool) -> Iterator[Callable[[Summary], None]]:
    """Wrap the work of a stage: refuse other code than the project's, lock the workspace, report errors.

    Yields the function that prints its summary.
    """
    with reported_errors(name, debug=debug):
        from hindcast.pipeline.project.code_check import refuse_other_code

        refuse_other_code(name, Path())
        with _lock_workspace(name):
            yield partial(_print_summary, name)


@contextmanager
def _record_stop_signals() -> Iterator[list[int]]:
    """Yield a list that receives the number of each stop signal; each signal also interrupts the work."""
    stops: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only the main thread can handle signals
        yield stops
        return

    def stop(number: int, _frame: object) -> None:
        stops.append(number)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in STOPPING}
    note_begin()
    try:
        yield stops
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _lock_workspace(name: str) -> Iterator[None]:
    """Lock the workspace (the current folder) for this stage; raise BusyError at once if it is locked.

    Where no lock file can be written, warn and go on without: what a stage writes is still whole or not there.
    """
    path = _LOCKS / f"{name}.lock"
    lock = FileLock(path, timeout=0)
    try:
        path.parent.mkdir(exist_ok=True)
        lock.acquire()
    except Timeout:
        raise BusyError(
            f"Another run of this stage has locked this folder ({path}): wait until it ends, or run in another folder."
        ) from None
    except OSError as fault:
        if fault.errno not in _NOT_WRITABLE:
            raise
        warn_of_cache(path.parent, fault)
    try:
        yield
    finally:
        lock.release()


def _describe_os_error(fault: OSError) -> str:
    places = " -> ".join(str(place) for place in (fault.filename, fault.filename2) if place is not None)
    what = fault.strerror or str(fault) or type(fault).__name__
    remedy = _REMEDIES.get(fault.errno or 0, "Run the command again with --debug to see where it happened.")
    if fault.errno == errno.ENOSPC and fault.filename:
        remedy = f"{_space_text(Path(str(fault.filename)))}{remedy}"
    return f"{what}: {places}\n  {remedy}" if places else f"{what}\n  {remedy}"


def _space_text(path: Path) -> str:
    """Return a sentence on the free space of a path's disk, and on what the present file or folder at the path takes."""
    try:
        free = shutil.disk_usage(next(each for each in path.absolute().parents if each.is_dir())).free
        files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
        present = sum(each.stat().st_size for each in files if each.exists())
    except OSError:
        return ""
    needed = f", about {_megabytes(present)} needed" if present else ""
    return f"Disk full: {_megabytes(free)} free{needed}. "


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}".removesuffix(".0") + " MB"


def _print_error(message: str) -> None:
    sys.stderr.write(printable(message, keep="\n") + "\n")


def _print_summary(name: str, summary: Summary) -> None:
    console = Console(highlight=False)
    console.print(Text(name, style="bold"))
    for label in ("read", "kept", "excluded", "wrote"):
        for row, line in enumerate(getattr(summary, label)):
            head = Text(f"  {label if row == 0 else '':<11}", style="dim")
            console.print(head + Text(printable(line, keep="\n")), soft_wrap=True)
    for line in summary.notes:
        console.print(Text(printable(line, keep="\n")), soft_wrap=True)
