"""Index splits and the scaler: pure functions that plan on NumPy arrays, and `write_splits`, which writes the files.

May be imported by certify (in `check_rebuild`, and for digests), feed, learn and judge.
"""
