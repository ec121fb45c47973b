"""The checks of the certificate, written a second way: plain loops and `datetime`, without the code that built the files.

One module per check; `findings` holds the result of a check. Only `check_rebuild` runs the code of align and split; the
checks use the values of the settings, not their arithmetic. tests/test_architecture.py checks this.
"""
