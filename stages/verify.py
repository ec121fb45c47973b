"""Command verify: is a data set whole? Not part of `dvc repro`: it changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hindcast.pipeline.wording import printable
from hindcast.stages.common import Debug, run_app, run_command

_HELP = (
    "Check every checksum, count, index and fingerprint of a data set (dataset.h5 and all its shards) and name all that "
    "is damaged. Exit code 1 where something is."
)
_EXAMPLE = "Example: hindcast verify data"


def main(argv: list[str] | None = None) -> int:
    """Run the command from its command line; return the exit code."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @app.command("verify", help=_HELP, epilog=_EXAMPLE)
    def command(
        data: Annotated[Path, typer.Argument(help="The folder that holds dataset.h5 and packed/.")] = Path(
            "data"
        ),
        debug: Debug = False,  # noqa: FBT002
    ) -> None:
        raise typer.Exit(run_command("verify", lambda: _verify(data), debug=debug))

    return run_app(app, "hindcast verify", argv)


def _verify(data: Path) -> None:
    from hindcast.pipeline.store.verify import verify

    found = verify(data)
    joined = (
        ""
        if (data / "dataset.h5").exists()
        else ", each for itself: dataset.h5 is absent, `split` joins them"
    )
    sys.stdout.write(
        f"{printable(str(data))} is whole: {found.shards:,} shards, {found.samples:,} samples, "
        f"{found.chunks:,} chunks with their checksums, {found.bytes / 1e6:,.1f} MB{joined}.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
