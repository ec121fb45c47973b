"""The policy random: a permutation of the samples, cut at the shares. It leaks if samples share information."""

from __future__ import annotations

from math import floor

import numpy as np

from hindcast.pipeline.settings.split import RandomSamples, exact
from hindcast.pipeline.split.policies.split_policy import Proposal, SplitPolicy, split_over_all_time
from hindcast.pipeline.split.steps import Steps


def propose_random(steps: Steps, settings: RandomSamples, seed: int, reach: int) -> Proposal:
    """Propose one draft: a permutation by NumPy's default generator, cut at the shares (rounded down), each part sorted."""
    del reach  # the plan counts the overlaps
    count = steps.sample_count
    shares = exact(settings.validation), exact(settings.test)
    cuts = [floor((1 - sum(shares)) * count), floor((1 - shares[1]) * count)]
    drawn = np.split(np.random.default_rng(seed).permutation(count), cuts)
    return Proposal((split_over_all_time(steps, [np.sort(indices) for indices in drawn]),))


RANDOM = SplitPolicy(
    name="random",
    form=RandomSamples,
    propose=propose_random,
    needs_reach=True,
    caution="samples were assigned at random, so training has seen much of what is scored here and the scores look better "
    "than they are; set split.policy to chronological or rolling_origin before drawing conclusions",
)
