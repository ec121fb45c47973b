"""A team's own project: which data set it uses, and whether its settings and raw files allow a run, and what else is wrong (`doctor`). The only user of hydra."""
