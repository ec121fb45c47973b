"""The judgement: every forecaster on the same rows, how sure the difference is, plots and the report.

`pipeline.judge.evaluation` does the whole; metrics, rows, sums and skill are pure functions of arrays.
The only user of matplotlib, scikit-learn and jinja2.
"""
