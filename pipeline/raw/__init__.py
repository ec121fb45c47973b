"""Ingest: from CSV and Parquet files to typed tables, with cells, timestamps, numbers, quarantine and cache.

The stage calls `raw.ingest`; later rooms read the tables with `pipeline.tables`.  This package
imports nothing on its own; its modules use pyarrow and csv.
"""
