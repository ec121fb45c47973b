"""Networks of a user: building, the rules they must keep, and the checks before training. Imported by learn."""
