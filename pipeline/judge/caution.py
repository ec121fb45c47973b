"""What a reader of the scores must know of the way in which the data was split."""

from __future__ import annotations

from pipeline.settings.split import Policy

_SAME_DAYS = (
    "training has seen the same days of other {}, so the scores tell how well unseen ones are met, not how well the "
    "network foretells"
)

_CAUTIONS: dict[Policy, str] = {
    "random": "samples were drawn at random, so training knows much of what is scored here and the scores look better than "
    "they are; split by chronological or rolling_origin before anything is concluded from them",
    "blocked": "training has seen days after those that are scored, so the scores tell how well the network copes with every "
    "season, not how well it foretells",
    "by_series": _SAME_DAYS.format("series"),
    "by_group": _SAME_DAYS.format("groups"),
}


def cautions(policy: Policy) -> tuple[str, ...]:
    """A sentence where scores under a policy say nothing about the future, else nothing."""
    return (f"  Beware, split.policy {policy}: {_CAUTIONS[policy]}.",) if policy in _CAUTIONS else ()
