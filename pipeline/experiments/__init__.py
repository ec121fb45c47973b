"""Experiments as things that can be compared and repeated: the record of a run, `compare`, `replay`, `sweep`. Nothing here writes an output but the record."""
