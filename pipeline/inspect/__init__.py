"""CSV files of unknown layout -> what they look like: dialect, columns, times, series, roles, quality, a proposed `raw` section.

The entry point is `pipeline.inspect.inspect_files.inspect_files`. No other room imports this one; it imports nothing by itself.
"""
