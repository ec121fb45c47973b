"""The checks of the certificate, by a second path: plain loops and `datetime`, nothing of what built the files.

A module a kind of leak; `findings` holds what a check found. Imports nothing of align and of the rest of split,
and of settings only their values, never their arithmetic: a test holds this.
"""
