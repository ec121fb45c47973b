"""Synthetic input: games and customers from a seed, written as CSV files like those of real providers.

`games.simulate` is the entry point; weather, market and usage are pure functions of random streams. Imported by
the stage `simulate` only.
"""
