"""Command `init`: make a team's own project. Not part of `dvc repro`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hindcast.pipeline.wording import counted, listed, printable
from hindcast.stages.common import Debug, command_main, reported_errors

if TYPE_CHECKING:
    from hindcast.pipeline.project.new_project import DescribedFiles

_HELP = (
    "Make a project of your own: a folder NAME that is a git and DVC repository with dvc.yaml, settings, a README with two commands, the "
    "installed version of hindcast and all libraries locked. With --from, copy the files into data/raw/NAME, inspect them, and write the "
    "settings that would read them, with questions to answer. Nothing is overwritten."
)
_PLUGINS = {
    "azure",
    "gdrive",
    "gs",
    "hdfs",
    "oss",
    "s3",
    "ssh",
    "webdav",
}  # remotes that DVC needs a package for


def init(
    name: Annotated[str, typer.Argument(help="The name of the project, of its folder and of its data set.")],
    more: Annotated[list[Path] | None, typer.Argument(hidden=True)] = None,  # FILES after the first
    from_: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="FILES...", help="CSV or Parquet files, or folders of them."),
    ] = None,
    remote: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where DVC shares outputs: a folder, s3://..., ssh://..."),
    ] = None,
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Make a project in the current folder and print what to do next."""
    if more and not from_:
        raise typer.BadParameter(f"unexpected {str(more[0])!r}: give one NAME, then --from FILES")
    with reported_errors("init", debug=debug):
        from hindcast.pipeline.project.new_project import create_project, refuse_place

        refuse_place(Path(), name)
        described, questions = _describe([*(from_ or ()), *(more or ())], name) if from_ else (None, [])
        uncommitted = create_project(Path(), name, described, remote)
        data = (
            f"{name}: {counted(len(described.files), 'file')} copied to data/raw/{name}, which DVC tracks"
            if described
            else "simulated, which needs no files"
        )
        sys.stdout.write(f"Made {name}, a git and DVC repository{'' if uncommitted else ' with a first commit'}. "
                         f"Its data set is {data}.\nNext:\n")  # fmt: skip
        for step in _next_steps(name, questions, remote, uncommitted):
            sys.stdout.write(f"  - {printable(step)}\n")


def _describe(paths: Sequence[Path], name: str) -> tuple[DescribedFiles, list[str]]:
    """Inspect files; return them with the settings of a data set, and the names of the settings with questions."""
    from hindcast.pipeline.inspect.inspect_files import expand_paths, inspect_files
    from hindcast.pipeline.project.new_project import RAW, DescribedFiles
    from hindcast.stages.inspect import print_inspection

    files, root, _ = expand_paths(paths)
    inspection = inspect_files(paths, kept_in=RAW / name)
    print_inspection(inspection)
    proposal = inspection.require_proposal()
    asked = dict.fromkeys(question.setting for question in proposal.questions)
    return DescribedFiles(root, files, proposal.text), list(asked)


def _next_steps(name: str, questions: Sequence[str], remote: str | None, uncommitted: str) -> Iterator[str]:
    from hindcast.pipeline.project.locked_packages import unlike_lock

    if shutil.which("hindcast") is None or shutil.which("dvc") is None:
        yield f"activate the environment, since DVC starts hindcast: source {Path(sys.executable).with_name('activate')}"
    yield f"cd {name}"
    if differing := unlike_lock():
        yield (
            "python -m pip install -r requirements.lock && hindcast upgrade --yes, since colleagues will have the locked versions, and "
            f"this environment has {listed(differing, 4)}"
        )
    if uncommitted:
        yield f"git commit -m 'New project {name}', which is missing: {uncommitted}"
    if (kind := (remote or "").partition("://")[0]) in _PLUGINS:
        yield f"python -m pip install dvc-{kind}, which DVC needs for this remote"
    if questions:
        yield f"answer the questions (# ?) in conf/dataset/{name}.yaml, about {listed(questions, 20)}; then: hindcast use {name}"
    yield "dvc repro"


main = command_main("init", init, _HELP, "hindcast init load --from exports/*.csv --remote s3://team/load")

if __name__ == "__main__":
    sys.exit(main())
