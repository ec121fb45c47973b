"""One thin module per stage: it parses arguments, calls the library once and prints a summary.

`stages.cli` is the command `hindcast`; `stages.common` contains the code shared by all stages.
"""

from importlib import import_module

_early_stop = import_module(
    f"{__name__}.early_stop"
)  # not by its full name: `hindcast` would be loaded first

if _early_stop.is_worker():
    _early_stop.ignore_interrupt()
elif _early_stop.is_command():
    _early_stop.end_on_signal()
