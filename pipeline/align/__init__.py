"""Typed rows -> regular steps: as-of join, grid and gaps, features. One group at a time, pure but for `group`.

May be imported by every later room. Of the libraries it uses numpy and pandas alone.
"""
