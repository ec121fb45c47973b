"""The published methods, each run on data made for it: `shown(folder)` gives the lines that tell what was measured.

May be imported by the stages. A change in here changes no training.
"""
