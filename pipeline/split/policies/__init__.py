"""Split policies: one module each. A policy is a pure function of steps and settings."""
