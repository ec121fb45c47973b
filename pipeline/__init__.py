"""The rooms through which forecast and realized series pass, from raw CSV to an honest report.

Importing this package costs nothing: every heavy library stays behind the fence of its room.
"""
