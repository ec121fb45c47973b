"""Inspects CSV files of unknown layout: dialect, columns, times, series, roles and quality; proposes a `raw` section.

The entry point is `pipeline.inspect.inspect_files.inspect_files`. No other room imports this one; this package imports
nothing on its own.
"""
