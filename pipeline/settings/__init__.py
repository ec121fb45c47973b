"""Validated settings of params.yaml: one module per section; rules for origins and known times have methods.

May be imported by every later room. The only user of pydantic.
"""
