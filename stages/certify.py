"""Stage `certify`: check everything that training will see, or a table made elsewhere, with independent code."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import Params, load_params
from hindcast.stages.common import PARAMS, Changes, Debug, ParamsFile, Summary, command_main, locked_stage

UNPROVEN = 3  # the exit code if a table has no leak, but features whose values are not proven
Repeated = list[str] | None


def run(params: Params, origins: int = 0) -> Summary:
    """Check tables, shards, data set and scaler, or past `origins` of the service. Raises LeakError if anything leaks."""
    if origins:  # imported by name: the stage of `dvc repro` must not depend on the code of the network
        lines = import_module("hindcast.pipeline.serve.service_check").prove_service(params, Path(), origins)
        return Summary(kept=tuple(lines), wrote=("reports/service.json",))
    from hindcast.pipeline.certify.certificate import certify, summary_lines, write_certificate

    certificate = certify(Path("data"), params)
    write_certificate(Path("reports/leaks.json"), certificate)
    read = ("data/tables, data/packed, data/dataset.h5, data/scaler.json",)
    return Summary(read, tuple(summary_lines(certificate)), wrote=("reports/leaks.json",))


def run_table(params: Params, table: Path, options: list[list[str]]) -> tuple[Summary, int]:
    """Check a table made elsewhere; return the summary and the exit code."""
    from hindcast.pipeline.certify.table_certificate import REPORT, certify_table, summary_lines
    from hindcast.pipeline.certify.table_file import open_table
    from hindcast.pipeline.certify.table_options import parse_questions

    names = open_table(table).names if table.exists() else None  # if it is missing, the options come first
    found = certify_table(params, Path(), table, parse_questions(params.raw, *options, columns=names))
    read, lines = (f"{table}, data/tables",), tuple(summary_lines(found))
    return Summary(read, lines, tuple(found.unproven), (REPORT,)), 0 if found.passed else UNPROVEN


_TABLE = "Check this CSV or Parquet table of features (origin, valid_time, series, ...) instead."
_KNOWN = "The column with the moment when the feature was known."
_SOURCE = "The source of the feature's values; SOURCE.VALUE@24h: of 24 h before."
_IGNORE = "A column that is no feature, as a target."
_SERVICE = "Prove that past forecasts in service are those that were evaluated."


def check(  # noqa: PLR0913 - the options of the command
    *,
    table: Annotated[Path | None, typer.Option(help=_TABLE)] = None,
    known: Annotated[Repeated, typer.Option(metavar="FEATURE=COLUMN", help=_KNOWN)] = None,
    source: Annotated[Repeated, typer.Option(metavar="FEATURE=SOURCE.VALUE", help=_SOURCE)] = None,
    ignore: Annotated[Repeated, typer.Option(metavar="COLUMN", help=_IGNORE)] = None,
    service: Annotated[bool, typer.Option("--service", help=_SERVICE)] = False,
    origins: Annotated[int, typer.Option(min=1, help="With --service: how many.")] = 50,
    params: ParamsFile = PARAMS,
    set_: Changes = None,
    debug: Debug = False,
) -> None:
    """Certify the data set, or a table. Exit code 3: no leak in the table, but features without a proof."""
    with locked_stage("certify", debug=debug) as finish:
        settings, options = load_params(params, set_ or []), [known or [], source or [], ignore or []]
        if table is None and any(options):
            raise SettingsError("--known, --source and --ignore belong to --table: name the table to check.")
        if service and table:
            raise SettingsError("--service and --table are two proofs: give one of them.")
        proven = service and origins
        summary, code = run_table(settings, table, options) if table else (run(settings, proven), 0)
        finish(summary)
        raise typer.Exit(code)


main = command_main(
    "certify",
    check,
    "Check that nothing is used before it was known: reads data/tables/, data/packed/, data/dataset.h5 and "
    "data/scaler.json, writes reports/leaks.json. With --table, check a table of features made elsewhere; writes "
    "reports/table_leaks.json. Exit code 3: no leak in the table, but features without a proof. With --service, compare past "
    "origins, rebuilt as `predict` would have, with data/packed/ and the evaluation; writes reports/service.json.",
    "hindcast certify --table features.parquet --known temperature=published --source load=meters.usage@24h",
)


if __name__ == "__main__":
    sys.exit(main())
