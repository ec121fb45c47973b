"""The settings of a training at a moment: all that was known then is for training and validation, nothing is held out for a test."""

from __future__ import annotations

from typing import Any

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.forecasters import FORECASTERS
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.split import Chronological, RollingOrigin, exact
from hindcast.pipeline.settings.train import TrainSettings


def settings_at(params: Params, moment: int, window: int | None = None) -> Params:
    """Return the settings of a training with what was known at a moment (ns UTC); `window`: with the newest `window` ns of it alone.

    Validation is the newest part of it, as long as the settings make it: a share v of a span of which the share t is left for tests is
    the share v / (1 - t) of what is left, and dates keep their distance. Only the network is fitted. Raises SettingsError if the policy does
    not hold out the newest part.
    """
    changed: dict[str, Any] = {
        "split": Chronological(validation=_validation(params, moment), test=0.0),
        "evaluate": stored_baselines(params).evaluate,
        "train": network_alone(params.train),
    }
    if window is not None:
        begin = (moment - window) // DAY * DAY
        changed["align"] = params.align.model_copy(update={"from_": max(begin, params.align.from_ or begin)})
    return params.model_copy(update=changed)


def refit_settings(params: Params, card: dict[str, Any]) -> Params:
    """Return the settings of a training on everything, without validation, by the recipe in the card of a judged network."""
    check_policy(params)
    own = params.train.model_dump()
    trained = TrainSettings.model_validate({**own, **card["train"]})
    return params.model_copy(
        update={
            "seed": card["seed"],
            "split": Chronological(validation=0.0, test=0.0),
            "train": network_alone(trained),
            "evaluate": stored_baselines(params).evaluate,
        }
    )


def network_alone(settings: TrainSettings) -> TrainSettings:
    """Return the settings of a training without a blend: what past fits compare is networks."""
    return settings.model_copy(update={"blend": None})


def stored_baselines(params: Params) -> Params:
    """Return the settings with those baselines alone that a data set holds, and without calibrated intervals.

    The boosted trees, for one, are fitted by `train`; intervals are calibrated by forecasts of a time that a fit has not made.
    """
    kept = tuple(
        name for name in params.evaluate.baselines if FORECASTERS[name].made in {"published", "stored"}
    )
    return params.model_copy(
        update={"evaluate": params.evaluate.model_copy(update={"baselines": kept, "intervals": ()})}
    )


def check_policy(params: Params) -> None:
    """Raise SettingsError unless the split policy holds out the newest part of the data."""
    if not isinstance(params.split, Chronological | RollingOrigin):
        raise SettingsError(
            "split.policy must be chronological or rolling_origin: a network that serves is trained on the past alone, found "
            f"{params.split.policy!r}: add --set 'split={{policy: chronological}}'."
        )


def _validation(params: Params, moment: int) -> float | int:
    check_policy(params)
    split = params.split
    if isinstance(split, RollingOrigin):
        return float(exact(split.validation) / (1 - split.folds * exact(split.test)))
    assert isinstance(split, Chronological)
    validation, test = split.validation, split.test
    if isinstance(validation, int) and isinstance(test, int):
        return moment - (test - validation)
    if isinstance(validation, int):
        raise SettingsError(
            "split.validation: the length of validation is not given, because it is a date and split.test a share: write both as dates "
            "or both as shares."
        )
    return float(exact(validation) / (1 - exact(test))) if isinstance(test, float) else validation
