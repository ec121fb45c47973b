"""The program of one fit: `python -m hindcast.pipeline.serve.fit_program`, with the fit on standard input."""

from __future__ import annotations

import os
import pickle
import sys
from threading import Thread
from time import sleep

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.files import replace_file
from hindcast.pipeline.serve.past_fit import FAULT, PastFit, fit_and_forecast

_PAUSE = 1.0  # seconds between two looks whether the program that started this one still runs


def main() -> int:
    """Run the fit; an error that the user can fix is left in its folder."""
    fit = pickle.loads(sys.stdin.buffer.read())  # noqa: S301  written by `run_fits`
    assert isinstance(fit, PastFit)
    _end_with_starter()
    try:
        fit_and_forecast(fit)
    except HindcastError as fault:
        with replace_file(fit.folder / FAULT) as temporary:
            temporary.write_bytes(pickle.dumps(fault))
        return 1
    return 0


def _end_with_starter() -> None:
    """End this process when the one that started it ends: a killed one cannot stop it."""
    starter = os.getppid()

    def watch() -> None:
        while os.getppid() == starter:
            sleep(_PAUSE)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
