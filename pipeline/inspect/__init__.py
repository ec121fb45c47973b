"""Somebody's CSV files -> what they look like: dialect, columns, stamps, series, roles, quality, a proposed `raw` section.

`pipeline.inspect.inspect_files.inspect_files` is the way in.  Nothing here is used by ingest; imports nothing by itself.
"""
