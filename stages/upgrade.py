"""Command `upgrade`: bring a project's generated files and the keys of its code to the installed version. Not part of `dvc repro`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.wording import counted, printable
from hindcast.stages.common import Debug, command_main, locked_stage

if TYPE_CHECKING:
    from hindcast.pipeline.project.file_changes import FileChange
    from hindcast.pipeline.project.project_upgrade import Upgrade

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_MOST_LINES = 100  # of the changes of one file, while asking: a lock file has thousands
_UNASKED = "so nothing was written: `hindcast upgrade --yes` writes everything but files that you edited, `--dry-run` only shows it."
_HELP = (
    "Bring the project in the current folder to the installed version of hindcast: show how the files that `hindcast init` generated "
    "change and which stages run again, ask, then write the files, and the keys of the code to code.yaml. Files that you edited are "
    "asked about one by one. No data, model or report is touched."
)


def upgrade(
    yes: Annotated[  # noqa: FBT002
        bool,
        typer.Option(
            "--yes", "-y", help="Ask nothing: files that you edited stay as they are, all others are written."
        ),
    ] = False,
    overwrite: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="Replace this generated file although you edited or removed it; repeatable."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show everything, write nothing.")] = False,  # noqa: FBT002
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Plan, show, ask, write."""
    with locked_stage("upgrade", debug=debug):
        from hindcast.pipeline.project.project_upgrade import plan_upgrade

        plan = plan_upgrade(Path(), overwrite or [])
        if not plan.is_needed:
            _say(f"Nothing to do: the project is as hindcast {plan.version} writes it.")
            return
        _say(_versions(plan))
        most = None if dry_run else _MOST_LINES
        for change in plan.changes:
            _show(change, most)
        is_asking = not (yes or dry_run)
        if is_asking and (sys.stdin is None or not sys.stdin.isatty()):
            raise MissingInputError(f"There is no terminal to ask on, {_UNASKED}")
        kept = _kept(plan, is_asking=is_asking)
        _show_effects(plan, kept, most)
        if dry_run:
            _say("Nothing was written (--dry-run).")
        elif is_asking and not _confirm("Write this?"):
            _say("Nothing was written.")
        else:
            written = ", ".join(plan.write(kept, asked=is_asking))
            _say(f"Wrote {written}. Look at `git diff` and commit; `dvc repro` then runs the stages above.")


def _versions(plan: Upgrade) -> str:
    before = plan.record.version or "of unknown version"
    if before == plan.version:
        return f"The project is of this version, hindcast {before}, but not as it writes it here:"
    return f"From hindcast {before} to hindcast {plan.version}:"


def _kept(plan: Upgrade, *, is_asking: bool) -> set[str]:
    """Return the edited files that stay: all, or those for which the answer is no."""
    if not is_asking:
        return {change.path for change in plan.edited}
    return {
        change.path
        for change in plan.edited
        if not _confirm(f"{printable(change.path)}: {change.state}. Replace it?")
    }


def _confirm(question: str) -> bool:
    try:
        return typer.confirm(question, default=False)
    except typer.Abort:  # the terminal was closed, or Ctrl-C
        raise MissingInputError(f"There was no answer, {_UNASKED}") from None


def _show(change: FileChange, most: int | None) -> None:
    console = Console(highlight=False)
    console.print(Text(f"\n{printable(change.path)}: {change.state}", style="bold"))
    lines = list(change.diff())
    for line in lines[:most]:
        console.print(Text(printable(line, keep="\t"), style=_COLOURS.get(line[:1], "")), soft_wrap=True)
    if most and len(lines) > most:
        _say(f"... {counted(len(lines) - most, 'line')} more: hindcast upgrade --dry-run shows all")


def _show_effects(plan: Upgrade, kept: set[str], most: int | None) -> None:
    if params := plan.params_change(kept):
        _show(params, most)
    _say("")
    for path in sorted(kept):
        _say(f"{path} stays as it is; to replace it: hindcast upgrade --overwrite {path}")
    reasons = plan.reasons(kept)
    if not reasons:
        _say("No stage runs again.")
        return
    _say(f"{counted(len(reasons), 'stage')} will run again, then those after them whose input changes:")
    for stage, why in reasons.items():
        _say(f"  {stage}: {'; '.join(why)}")


def _say(line: str) -> None:
    Console(highlight=False).print(Text(printable(line)), soft_wrap=True)


main = command_main("upgrade", upgrade, _HELP, "hindcast upgrade --dry-run")

if __name__ == "__main__":
    sys.exit(main())
