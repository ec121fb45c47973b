"""The command `hindcast`: every stage as a subcommand. A stage's module is loaded only when the stage runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from hindcast.stages.common import run_app

# In pipeline order.
STAGES = {
    "check": "Check all settings and find the raw files.",
    "simulate": "Generate the default input from a seed.",
    "ingest": "Read CSV and Parquet files; quarantine bad rows.",
    "pack": "Join what was known at each origin into HDF5 shards.",
    "split": "Cut the data set into train, validation and test.",
    "scale": "Fit the scaler on training rows.",
    "certify": "Check that nothing is used before it was known.",
    "train": "Train the network by streaming from the data set.",
    "evaluate": "Compare network and published forecast; write a report.",
}

# Not stages of `dvc repro`: they do not change any input of a stage.
COMMANDS = {
    "init": "Make a project of your own.",
    "use": "Choose the project's data set.",
    "doctor": "Examine the project and its environment; name every remedy.",
    "upgrade": "Bring a project to the installed version.",
    "inspect": "Analyse CSV and Parquet files; propose settings to read them.",
    "verify": "Check every checksum, count and index of a data set.",
    "predict": "Forecast an origin from the files as they are now.",
    "monitor": "Compare delivered forecasts and inputs with what is normal.",
    "sensitivity": "Errors when sources come later, or runs are missed.",
    "refit": "Fit the judged recipe to all data; serve it unless it is worse.",
    "backtest": "Replay the past with networks retrained at regular moments.",
    "export": "Write the certified rows as Parquet, CSV or Zarr.",
    "compare": "Compare runs: scores, real differences, cost, settings, data.",
    "replay": "Run a recorded run again; prove that every output is equal.",
    "sweep": "Run combinations of settings side by side, as experiments.",
    "methods": "Run published training methods on series; print the measurements.",
}

_FORWARD = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def main(argv: list[str] | None = None) -> int:
    """Run `hindcast` with `argv` (by default the program's own arguments); return the exit code."""
    return run_app(_app(), "hindcast", argv)


class _Forward(TyperCommand):
    """A command that passes its arguments on. For a shell, it completes the options of the stage and the values that they may have."""

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        stage = typer.main.get_command(import_module(f"hindcast.stages.{self.name}").main.app())
        with stage.make_context(self.name, [], resilient_parsing=True) as inner:
            last = ctx.args[-1] if ctx.args else ""
            asked = next(
                (
                    param
                    for param in stage.params
                    if last in param.opts and not getattr(param, "is_flag", False)
                ),
                stage,
            )
            return asked.shell_complete(inner, incomplete)


def _app() -> typer.Typer:
    app = typer.Typer(
        no_args_is_help=True,
        callback=_options,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        help="From raw forecast and realized series to a trained network and a report, stage by stage.",
        epilog="Example: hindcast ingest --help",
    )
    for name, line in {**STAGES, **COMMANDS}.items():
        app.command(name, help=line, context_settings=_FORWARD, cls=_Forward)(_forwarder(name))
    return app


def _options(
    version: Annotated[  # noqa: FBT002  # its callback acts
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=_print_version,
            help="Show the version and the digest of the code.",
        ),
    ] = False,
) -> None:
    """Take the options before the name of a stage."""


def _print_version(asked: bool) -> None:  # noqa: FBT001  # typer gives it
    if asked:
        from hindcast.pipeline.project.code_keys import installed_version, package_digest

        sys.stdout.write(f"hindcast {installed_version()}, code {package_digest()}\n")
        raise typer.Exit


def _forwarder(name: str) -> Callable[[typer.Context], None]:
    def forward(context: typer.Context) -> None:
        raise typer.Exit(import_module(f"hindcast.stages.{name}").main(list(context.args)))

    return forward


if __name__ == "__main__":
    sys.exit(main())
