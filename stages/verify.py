"""Command `verify`: check whether a data set is complete and undamaged. Not part of `dvc repro`: it only reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hindcast.pipeline.wording import counted, printable
from hindcast.stages.common import Debug, command_main, reported_errors

_HELP = (
    "Check every checksum, count, index, fingerprint and digest of a data set (dataset.h5 and all its shards), and the "
    "tables, certificate, models and reports of its workspace, and list all damage. The exit code is 1 if there is any."
)


def verify(
    data: Annotated[Path, typer.Argument(help="The folder that contains dataset.h5 and packed/.")] = Path(
        "data"
    ),
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Check the data set and print what was checked."""
    with reported_errors("verify", debug=debug):
        from hindcast.pipeline.certify.verify_workspace import verify_workspace

        verified = verify_workspace(data)
        is_joined = (data / "dataset.h5").exists()
        note = (
            ""
            if is_joined
            else ", each checked alone because dataset.h5 is missing; to create it, run the stage `split`"
        )
        sys.stdout.write(
            f"{printable(str(data))} is complete and undamaged: {counted(verified.shards, 'shard')}, "
            f"{counted(verified.samples, 'sample')}, {counted(verified.chunks, 'chunk')} with checksums, {verified.bytes / 1e6:,.1f} MB{note}.\n"
        )


main = command_main("verify", verify, _HELP, "hindcast verify data")

if __name__ == "__main__":
    sys.exit(main())
