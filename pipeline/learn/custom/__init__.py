"""Custom networks: building them, the rules of their contract, and the checks before training. Imported by learn."""
