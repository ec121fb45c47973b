"""One module per split policy, and the table that lists them.

To add a policy: its settings in `settings/split.py`, a module here that declares a `SplitPolicy`, a line in `table`, and
what the certificate expects of it in `certify/expected_splits.py`.
"""
