"""Custom networks, named by `train.model`; stage train runs again when a file in here changes."""
