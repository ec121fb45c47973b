"""Somebody's CSV files -> what they look like: dialect, columns, stamps, series, roles, quality, a proposed `raw` section.

`pipeline.raw.inspection.inspecting.inspect_files` is the way in.  Nothing here is used by ingest; imports nothing by itself.
"""
