"""All split policies by name: the one list that the plan, the preconditions of training and the evaluation read."""

from __future__ import annotations

from hindcast.pipeline.split.policies.blocked import BLOCKED
from hindcast.pipeline.split.policies.chronological import CHRONOLOGICAL
from hindcast.pipeline.split.policies.held_out import BY_GROUP, BY_SERIES
from hindcast.pipeline.split.policies.random_samples import RANDOM
from hindcast.pipeline.split.policies.rolling_origin import ROLLING_ORIGIN
from hindcast.pipeline.split.policies.split_policy import SplitPolicy

POLICIES: dict[str, SplitPolicy] = {
    policy.name: policy for policy in (CHRONOLOGICAL, ROLLING_ORIGIN, BLOCKED, BY_SERIES, BY_GROUP, RANDOM)
}
