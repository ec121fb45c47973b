"""One thin module a stage: arguments, one call of the library, a summary.

`stages.cli` is the command `hindcast`; `stages.common` is what all stages share.
"""
