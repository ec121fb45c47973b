"""params.yaml as checked values: one module per section; origins and known moments are values with methods.

May be imported by every later room. The only user of pydantic.
"""
