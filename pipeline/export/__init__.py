"""The certified rows in long form for other libraries: Parquet, CSV or Zarr, written in blocks of bounded memory.

Only the command `export` uses it; it is no stage, and no stage reads what it writes.
"""
