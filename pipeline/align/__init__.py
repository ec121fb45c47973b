"""Align typed rows to regular steps: as-of join, grid, gaps, features. One group at a time; only `align_group` reads files.

May be imported by every later room. Uses numpy, pandas and, for public holidays, the library holidays.
"""
