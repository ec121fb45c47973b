"""Streams for frameworks: `keras` gives a `PyDataset`, `torch` a map data set. Only `keras` imports its framework."""
