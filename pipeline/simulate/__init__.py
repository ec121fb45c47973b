"""Synthetic input: games and customers from a seed, written as CSV files like the files of real providers.

`games.simulate` is the entry point; weather, market and usage are pure functions of random streams. Only the stage
`simulate` imports this package.
"""
