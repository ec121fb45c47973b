"""A team's own project: which data set it uses, and whether its settings and raw files allow a run. The only user of hydra."""
