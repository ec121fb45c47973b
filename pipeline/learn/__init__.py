"""Batches become a network: the stateless twin, carried state, fitting, saving, prediction.

May be imported by judge and the stages. Backend-specific code is in `backend` alone.
"""
