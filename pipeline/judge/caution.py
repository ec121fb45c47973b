"""What a reader of the scores must know: how the data was split, and that the network is of other settings than those at hand."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.files import read_json
from hindcast.pipeline.settings.split import Policy
from hindcast.pipeline.settings.train import TrainSettings

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


def departures(models: Path, settings: TrainSettings) -> tuple[str, ...]:
    """A sentence where the network in `models` was trained by other settings than these, else nothing."""
    trained, now = read_json(models / "model.json")["train"], settings.recipe()
    told = [
        f"train.{key} was {trained.get(key)}, now {now[key]}" for key in now if trained.get(key) != now[key]
    ]
    return (f"  Judged is the network as it was trained: {'; '.join(told)}.",) if told else ()
