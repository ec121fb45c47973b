"""Evaluation: every forecaster on the same rows, the skill and its interval, plots and the report.

`pipeline.judge.evaluation` runs it all; metrics, skill, quantiles and summed_series are pure functions of arrays.
No other room uses matplotlib, scikit-learn or jinja2.
"""
