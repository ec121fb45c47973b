"""One module per split policy, and the table of what they declare.

To add a policy: its settings in `settings/split.py`, a module here that declares a `SplitPolicy` (`policy_table` finds it), what the
certificate expects of it in `certify/expected_splits.py`, and its defaults in `conf/split/`.
"""
