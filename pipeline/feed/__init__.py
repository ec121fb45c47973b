"""Samples become batches: runs, lanes, windows and rows as pure plans of indices, and the streams that read by them.

May be imported by learn and judge. Plans and batches need numpy only; Keras stands in `keras_streams` alone.
"""
