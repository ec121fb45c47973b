"""CSV -> typed rows: sources and their files, cells, stamps and numbers, quarantine, tables, simulation.

Later rooms read tables by `pipeline.tables`; the stages call `pipeline.raw.ingest` and `pipeline.simulate`.
The room of pyarrow and csv; imports nothing by itself.
"""
