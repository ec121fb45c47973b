"""Networks of your own, named by `train.model`; stage train runs again when something in here changes."""
