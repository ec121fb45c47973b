"""Ingest: from CSV files to typed tables, with cells, timestamps, numbers, quarantine and cache.

The stage calls `raw.ingest`; later rooms read the tables with `pipeline.tables`.  Uses pyarrow and csv; imports nothing
by itself.
"""
