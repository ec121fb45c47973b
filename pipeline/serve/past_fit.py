"""A network trained with what was known at a moment, and its forecasts of the origins after it, in a folder of its own.

Each fit is a process of its own, because weights are the same on every run only in a process that has computed nothing else before.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hindcast.pipeline.arrays import usable_cpus
from hindcast.pipeline.engine import map_in_order
from hindcast.pipeline.errors import HindcastError, LeakError, WorkerError
from hindcast.pipeline.files import hold_lock, read_json, remove_path, write_json
from hindcast.pipeline.serve.cut_tables import cut_tables
from hindcast.pipeline.serve.span_forecasts import write_forecasts
from hindcast.pipeline.serve.updates import carried_updates
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import read_manifest, read_table
from hindcast.pipeline.wording import counted, time_text

FORMAT = "hindcast-fit/1"
RESULT, UPDATES, FAULT, LOG = "fit.json", "updates.json", "fault.pickle", "log.txt"
MODEL = "model"
"""The name of the forecasts of the network that is trained."""

_PACKAGE = Path(__file__).parents[2]  # hindcast/, as imported
_THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OMP_THREAD_LIMIT")
_HEAVY = ("data", ".hindcast", "logs")  # not needed once a fit is complete


@dataclass(frozen=True)
class PastFit:
    """What is trained, and what is forecast; all paths are absolute.

    - `folder`: where the fit works, and leaves `models/`, `forecasts/` and `fit.json`. No fit with other fields has the same one.
    - `project`: the folder of the project, from which networks of its own are imported.
    - `tables`: the typed tables, with rows of all times. `known` (ns UTC): only rows known then are trained on.
    - `origins`: the origins in this half-open range (ns UTC) are forecast; None: none.
    - `judged`: the folder of a judged project and its settings, whose number of updates this training takes over; None: `train.epochs`, and
      the epoch that validation chooses.
    - `others`: folders of further networks that forecast the same origins, by name.
    """

    folder: Path
    project: Path
    tables: Path
    params: Params
    known: int
    origins: tuple[int, int] | None = None
    judged: tuple[Path, Params] | None = None
    others: tuple[tuple[str, Path], ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether the fit is complete."""
        return (self.folder / RESULT).is_file()

    def forecasts(self, name: str = MODEL) -> Path:
        """Return the file with the forecasts of a network."""
        return self.folder / "forecasts" / f"{name}.parquet"

    def facts(self) -> dict[str, Any]:
        """Return what a complete fit noted: `known`, `epochs`, `best_epoch`, and `updates` if they were carried over."""
        facts = read_json(self.folder / RESULT)
        return {name: value for name, value in facts.items() if name != "format"}


def run_fits(fits: Sequence[PastFit], project: Path, work: str) -> None:
    """Run the fits that are not complete side by side, each in a process of its own; the engine decides how many at a time.

    A fit that was stopped goes on where it was. Raises the errors of the fits, after all have been tried.
    """
    waiting = [fit for fit in fits if not fit.is_done]
    launch = _Launch(max(1, usable_cpus(1 << 10) // max(1, len(waiting))))
    map_in_order(launch, waiting, _name_of, work, "fit", folder=project)


def _name_of(fit: PastFit) -> str:
    return f"known at {time_text(fit.known)}"


@dataclass(frozen=True)
class _Launch:
    """Starts the program of a fit and waits for it."""

    threads: int

    def __call__(self, fit: PastFit) -> None:
        fit.folder.mkdir(parents=True, exist_ok=True)
        fault, log = fit.folder / FAULT, fit.folder / LOG
        fault.unlink(missing_ok=True)
        with log.open("wb") as stream:
            done = subprocess.run(
                [sys.executable, "-m", "hindcast.pipeline.serve.fit_program"],
                input=pickle.dumps(fit), stdout=stream, stderr=stream, cwd=fit.project, env=_environment(self.threads), check=False,
            )  # fmt: skip
        if done.returncode and fault.is_file():
            found = pickle.loads(fault.read_bytes())  # noqa: S301  written by that program
            assert isinstance(found, HindcastError)
            raise found
        if done.returncode:
            raise WorkerError(
                f"The training with what was known at {time_text(fit.known)} ended before its work was done: see {log}. The same command "
                "goes on where it was."
            )


def _environment(threads: int) -> dict[str, str]:
    """Return the environment of a fit, which starts no workers of its own. No result depends on the numbers of threads."""
    own = {name: value for name, value in os.environ.items() if name != "DASK_SCHEDULER_ADDRESS"}
    path = os.pathsep.join([str(_PACKAGE.parent), *filter(None, [own.get("PYTHONPATH")])])
    return {
        **dict.fromkeys(_THREADS, str(threads)),
        **own,
        "DASK_SCHEDULER": "synchronous",
        "PYTHONPATH": path,
    }


def fit_and_forecast(fit: PastFit) -> None:
    """Train and forecast; what is complete is not made again.

    A program that was started before and has not ended yet is waited for.
    """
    with hold_lock(fit.folder.with_name(f"{fit.folder.name}.lock")):
        if fit.is_done:
            return
        models = fit.folder / "models"
        if not (models / "digests.json").is_file():
            prepare_data(fit)
            _train(fit)
        if fit.origins:
            _forecast(fit, fit.origins)
        history, updates = read_json(models / "history.json"), fit.folder / UPDATES
        carried = {"updates": read_json(updates)} if updates.is_file() else {}
        facts = {"known": fit.known, "epochs": len(history["epochs"]), "best_epoch": history["best_epoch"]}
        write_json(fit.folder / RESULT, {"format": FORMAT, **facts, **carried})
        for heavy in _HEAVY:
            remove_path(fit.folder / heavy)


def _forecast(fit: PastFit, origins: tuple[int, int]) -> None:
    """Write the forecasts of all networks, from the rows known at the end of the range: later ones are no part of the key of a fit."""
    seen = fit.folder / "data/seen"
    cut_tables(fit.tables, origins[1], seen)
    for name, network in ((MODEL, fit.folder / "models"), *fit.others):
        write_forecasts(fit.forecasts(name), fit.params, seen, network, origins)


def prepare_data(fit: PastFit) -> None:
    """Make the certified data set and the scaler of a fit in its folder, from the rows known at its moment.

    Raises LeakError if a row became known later or if the certificate finds anything, and the errors of the stages.
    """
    from hindcast.pipeline.certify.certificate import certify, write_certificate
    from hindcast.pipeline.split.write_splits import build_dataset, build_scaler
    from hindcast.pipeline.store.pack import pack

    folder, data = fit.folder, fit.folder / "data"
    cut_tables(fit.tables, fit.known, data / "tables")
    refuse_later_rows(data / "tables", fit.known)
    pack(fit.params, folder)
    build_dataset(data / "packed", data / "dataset.h5", fit.params)
    build_scaler(data / "dataset.h5", data / "scaler.json", fit.params)
    write_certificate(folder / "reports/leaks.json", certify(data, fit.params))


def refuse_later_rows(tables: Path, known: int) -> None:
    """Raise LeakError, with every table that holds them, if rows became known after `known` (ns UTC).

    Everything that a network is trained on comes from these tables, as its certificate proves.
    """
    faults = []
    for source, entry in read_manifest(tables)["sources"].items():
        for group in entry["groups"]:
            frame = read_table(tables, source, group)
            if frame is None:
                continue
            moments = frame["known_time"].to_numpy()
            late = moments[moments > known]
            if len(late):
                rows = counted(len(late), "row")
                first = time_text(int(late.min()))
                faults.append(
                    f"source {source}, group {group or 'of all'}: {rows}, the first known at {first}"
                )
    if faults:
        raise LeakError(
            f"A training with what was known at {time_text(known)} would use rows that became known later.",
            faults,
        )


def _train(fit: PastFit) -> None:
    from hindcast.pipeline.learn.backend import check_libraries, start_framework
    from hindcast.pipeline.learn.preconditions import open_certified

    check_libraries()
    params, passes = fit.params, None
    updates = None if fit.judged is None else carried_updates(*fit.judged)
    with open_certified(params, fit.folder) as data:
        start_framework(params.train.bits)
        from hindcast.pipeline.learn.training import prepare_training, train

        if updates is not None:
            batches = prepare_training(params, data).training.batches
            params, passes = updates.settings_for(params, batches), updates.passes_of(batches)
            write_json(fit.folder / UPDATES, updates.facts(batches))
        train(params, fit.folder, data, passes)
