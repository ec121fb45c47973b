"""Forecasts of an origin from the files as they are now: fresh tables, the steps of the origin, the network, fallbacks, files.

Nothing here reads the clock, except for the list of deliveries.
"""
