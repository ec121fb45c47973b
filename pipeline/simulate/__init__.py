"""The embedded input: games and customers made from a seed, written as the CSV files that somebody might send.

`simulate` is the entrance; weather, market and usage are pure functions of random streams.
"""
