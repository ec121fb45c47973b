"""The rooms that process forecast and realized series, from raw CSV files to the report.

Importing this package loads no heavy library: only the rooms that a fence names import it.
"""
