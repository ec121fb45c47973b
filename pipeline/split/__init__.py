"""Index splits and the scaler: plans as pure functions of NumPy arrays, and the files made from them (`write_splits`).

May be imported by certify (in `check_rebuild`, and for digests), feed, learn and judge.
"""
