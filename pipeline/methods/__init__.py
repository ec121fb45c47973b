"""The published methods, each run on synthetic data: `run(folder)` returns lines that describe what was measured.

Imported by the stage `methods` only. A change in here changes no training.
"""
