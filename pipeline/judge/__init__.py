"""Evaluation: score every forecaster on the same rows, compute the skill and its interval, write plots and the report.

`pipeline.judge.evaluation` runs all of it; metrics, skill, quantiles and summed_series are pure functions of arrays.
No other room uses matplotlib or jinja2.
"""
