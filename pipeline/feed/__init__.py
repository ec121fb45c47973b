"""Samples become batches: plans of which samples and steps a batch holds, and one way to read by them, ahead of use.

Training plays `batches`; `streams` are for any other network. `learn` and `judge` may import from here. NumPy alone is needed,
except in `adapters.keras`.
"""
