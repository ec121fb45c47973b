"""A workspace opened for reading: the outputs of all stages as one object, for notebooks and other programs.

`hindcast.open` is its only entrance. Nothing here writes a file, and no stage imports it.
"""
