"""Index splits, the scaler and the certificate that nothing was used before it was known.

May be imported by feed, learn and judge. Plans are pure functions of numpy arrays; files stand in `shards`,
`scaler` and `certificate`.
"""
