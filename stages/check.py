"""Stage `check`: validate all settings and find the raw files before anything runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.settings.params import Params, read_params, refuse_faults
from hindcast.pipeline.wording import counted
from hindcast.stages.common import Summary, stage_main


@dataclass(frozen=True)
class CheckedParams:
    """The checked settings, and the content of the file that they were read from, without those of `--set`."""

    params: Params
    given: dict[str, Any]


def load(path: Path, overrides: Sequence[str]) -> CheckedParams:
    """Read and check all sections and the raw files; raises as `load_params`, with the faults of settings and files at once."""
    from hindcast.pipeline.project.inputs_check import check_raw_files, examine_settings

    params, faults = examine_settings(read_params(path, overrides))
    if faults and {"raw", "simulate"} <= params.__dict__.keys():
        try:
            check_raw_files(params, Path())
        except MissingInputError as fault:
            faults += fault.faults or [fault.summary]
    refuse_faults(faults, str(path))
    return CheckedParams(params, read_params(path))


def run(checked: CheckedParams) -> Summary:
    """Check the raw files and `conf/` of the current folder, and write reports/check.json, which is always the same."""
    from hindcast.pipeline.files import write_json
    from hindcast.pipeline.project.conf_state import conf_notes
    from hindcast.pipeline.project.inputs_check import check_raw_files, settings_notes

    raw = checked.params.raw
    files = check_raw_files(checked.params, Path())
    write_json(Path("reports/check.json"), {"passed": True})
    found = [f"{name}: {counted(count, 'file')}" for name, count in files.counts.items()]
    return Summary(
        read=(
            f"data set {raw.data_set}, raw.path {raw.path}{f' ({files.pending})' if files.pending else ''}",
            *found,
        ),
        kept=("all settings and files are as they must be",),
        wrote=("reports/check.json",),
        notes=tuple(
            f"  {note}" for note in (*settings_notes(checked.params), *conf_notes(Path(), checked.given))
        ),
    )


main = stage_main(
    "check",
    run,
    "Check all settings and whether the raw files of every source are there; `dvc repro` does so before anything else. Writes "
    "reports/check.json. Warns if params.yaml differs from conf/.",
    "hindcast check",
    load,
)


if __name__ == "__main__":
    sys.exit(main())
