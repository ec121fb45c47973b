"""One thin module per stage: it parses arguments, calls the library once and prints a summary.

`stages.cli` is the command `hindcast`; `stages.common` contains the code shared by all stages.
"""
