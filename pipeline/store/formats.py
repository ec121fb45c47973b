"""Formats of files beside the data set that several rooms read."""

from __future__ import annotations

SCALER_FORMAT = "hindcast-scaler/2"


def foreign_scaler(found: object) -> str:
    """What is wrong with a scaler of format `found`, and what to do: one of another version is whole, but not to be read."""
    remedy = "run the stage `scale` again"
    if isinstance(found, str) and found.startswith(f"{SCALER_FORMAT.partition('/')[0]}/"):
        return f"another version of hindcast wrote it, in format {found}; this one reads {SCALER_FORMAT}: {remedy}"
    return f"it must be of format {SCALER_FORMAT}, found {found!r}: {remedy}"
