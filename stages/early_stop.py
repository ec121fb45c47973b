"""Ctrl-C and SIGTERM while a command is still loading, or after its work: one line or none instead of a traceback.

Imported before everything else, so it imports only what Python has loaded anyway.
"""

import os
import signal
import sys
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM)
BY_SIGNAL = 128  # a shell reports a program that a signal ended as 128 plus the signal's number

_begun: list[bool] = []


def end_on_signal() -> None:
    """End this process, from now on, in one line at a stop signal, unless its parent had it ignore the signal.

    A worker process ignores Ctrl-C, which every process of a terminal receives, until its work begins (`pipeline/engine.py`).
    """
    for number in STOPPING:
        if signal.getsignal(number) not in {signal.SIG_IGN, _end}:
            signal.signal(number, _end)


def ignore_interrupt() -> None:
    """Ignore Ctrl-C while a worker process is loading."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def note_begin() -> None:
    """Note that the work of a command begins: it handles the signals itself and says what becomes of the outputs."""
    _begun.append(True)


def is_command() -> bool:
    """Return whether this process runs a command; other programs that import a stage keep their handlers."""
    # while Python looks for the module of `python -m stages.pack`, the first argument is "-m"
    program = sys.argv[0] if sys.argv else ""
    name = os.path.basename(program)  # noqa: PTH119 - pathlib is not loaded yet, and is slow to load
    return program == "-m" or name.removesuffix(".exe") == "hindcast"


def is_worker() -> bool:
    """Return whether this process is a worker of another one."""
    processes = sys.modules.get("multiprocessing.process")
    return processes is not None and processes.parent_process() is not None


def _end(number: int, _frame: FrameType | None) -> None:
    try:
        if not _begun:
            sys.stderr.write("stopped before the work began; previous outputs are unchanged.\n")
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:  # noqa: BLE001, S110 - the signal may have come in the middle of another write
        pass
    os._exit(
        BY_SIGNAL + number
    )  # an exception could come anywhere, and an import would turn it into another one
