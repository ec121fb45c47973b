"""The checks of the certificate, by a second path: plain loops and `datetime`, and none of the code that built the files.

One module per check; `findings` holds the result of one. Only `check_rebuild` runs the code of align and split; of the
settings the checks use the values, not the arithmetic. A test holds this.
"""
