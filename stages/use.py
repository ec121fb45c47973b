"""Command `use`: choose the project's own data set. Not part of `dvc repro`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hindcast.pipeline.settings.strict_yaml import first_faults
from hindcast.pipeline.wording import counted, printable
from hindcast.stages.common import Debug, command_main, reported_errors

_HELP = (
    "Choose the data set that `dvc repro` and `dvc exp run` use: names it in conf/config.yaml, whose other lines stay as they are, "
    "composes params.yaml from conf/ for it, and names the faults of its settings. Without a name, list the data sets."
)


def use(
    name: Annotated[
        str | None, typer.Argument(help="A data set: conf/dataset/NAME.yaml describes it.")
    ] = None,
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Choose a data set and print what was changed."""
    with reported_errors("use", debug=debug):
        from hindcast.pipeline.project.composition import data_sets
        from hindcast.pipeline.project.data_set_choice import choose_data_set, chosen_data_set
        from hindcast.pipeline.project.inputs_check import faults_of_project

        if name is None:
            chosen = chosen_data_set(Path())
            lines = [f"{'*' if each == chosen else ' '} {each}" for each in data_sets(Path())]
            sys.stdout.write(printable("\n".join([*lines, ""]), keep="\n"))
            return
        choice = choose_data_set(Path(), name)
        named = "already named it" if choice.before == choice.now else f"named {choice.before} before"
        sys.stdout.write(
            printable(
                f"The data set is now {choice.now} (conf/config.yaml {named}); params.yaml is composed for it.\n",
                keep="\n",
            )
        )
        if faults := faults_of_project(Path()):
            head = (
                f"Warning: {counted(len(faults), 'fault')} in its settings, with which no stage runs; correct them in conf/, then: "
                f"hindcast use {choice.now}"
            )
            lines = [head, *(f"  - {fault}" for fault in first_faults(faults)), ""]
            sys.stdout.write(printable("\n".join(lines), keep="\n"))


main = command_main("use", use, _HELP, "hindcast use mine")

if __name__ == "__main__":
    sys.exit(main())
