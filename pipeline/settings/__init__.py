"""params.yaml as checked values: one module a section, origins and known moments as values with methods.

May be imported by every later room. The only user of pydantic.
"""
