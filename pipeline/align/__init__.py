"""Typed rows -> regular steps: as-of join, grid and gaps, features. One group at a time; pure but for `align_group`.

May be imported by every later room. Uses numpy, pandas and, for public holidays, the library holidays.
"""
