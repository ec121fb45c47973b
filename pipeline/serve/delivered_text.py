"""Lines of the summary of `predict` about what was delivered."""

from __future__ import annotations

from hindcast.pipeline.serve.deliveries import Delivery
from hindcast.pipeline.serve.wanted_origins import Wanted, deadline_of
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import counted, duration_text, listed, time_text


def origin_text(params: Params, wanted: Wanted, done: Delivery) -> str:
    """Return a line on an origin: its deadline, its groups where origins differ between them, and the values of each method."""
    deadline = deadline_of(params, wanted.origin)
    due = f", due {time_text(deadline)}" if deadline is not None else ""
    methods = ", ".join(f"{name} {count:,}" for name, count in done.methods.items())
    late = f"; delivered {duration_text(done.late)} after its deadline" if done.late else ""
    return (
        f"origin {time_text(wanted.origin)}{due} of {listed(wanted.groups, 3)}: "
        f"{counted(done.rows, 'value')} ({methods}){late}"
    )


def file_text(done: Delivery) -> str:
    """Return the path of a delivered file, and why nothing new was written if so."""
    if done.worse:
        return (
            f"{done.path} (stays: {counted(done.worse, 'value')} would fall back where it has a better method; --replace writes a "
            "revision)"
        )
    return f"{done.path}{'' if done.is_new else ' (unchanged)'}"
