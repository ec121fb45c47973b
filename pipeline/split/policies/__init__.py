"""One module per split policy, and the table of what they declare.

To add a policy, write its settings in `settings/split.py`, a module in this folder that declares a `SplitPolicy`
(`policy_table` finds it), the splits that the certificate expects in `certify/expected_splits.py`, and its defaults in
`conf/split/`.
"""
