"""CSV -> typed rows: sources and their files, cells, stamps and numbers, quarantine, tables, simulation.

Later rooms read tables by `pipeline.raw.tables`; the stages call `pipeline.raw.ingest` and `pipeline.raw.simulation`.
The room of pyarrow and csv; imports nothing by itself.
"""
