"""Stage `certify`: check everything that training will see, with independent code."""

from __future__ import annotations

import sys
from pathlib import Path

from hindcast.pipeline.settings.params import Params
from hindcast.stages.common import Summary, stage_main


def run(params: Params) -> Summary:
    """Check tables, shards, data set and scaler; write reports/leaks.json. Raises LeakError if anything leaks."""
    from hindcast.pipeline.certify.certificate import certify, summary_lines, write_certificate

    certificate = certify(Path("data"), params)
    write_certificate(Path("reports/leaks.json"), certificate)
    return Summary(
        read=("data/tables, data/packed, data/dataset.h5, data/scaler.json",),
        kept=tuple(summary_lines(certificate)),
        wrote=("reports/leaks.json",),
    )


main = stage_main(
    "certify",
    run,
    "Check that nothing is used before it was known: reads data/tables/, data/packed/, data/dataset.h5 and "
    "data/scaler.json, writes reports/leaks.json.",
    "hindcast certify",
)


if __name__ == "__main__":
    sys.exit(main())
