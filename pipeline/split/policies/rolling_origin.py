"""The policy rolling_origin: several chronological splits, whose tests follow one another up to the end of the data.

Each fold keeps the distances of a chronological split; so a fold is what would have been had one trained then.
"""

from __future__ import annotations

from fractions import Fraction

from hindcast.pipeline.settings.split import RollingOrigin, exact
from hindcast.pipeline.split.policies.chronological import Borders, on_grid
from hindcast.pipeline.split.steps import Steps


def folds_of(steps: Steps, settings: RollingOrigin) -> list[Borders]:
    """The borders of each fold, the earliest first.

    Shares refer to the span from the first to the last observed target. Fold k of n is tested on the k-th of the n
    last shares `test` of it, the last one on all that follows too. Training begins with the data, or, where the
    window slides, as long before validation as that of the first fold.
    """
    end = steps.last_target_time + steps.frequency
    span = end - steps.first_target_time
    validation, test = exact(settings.validation) * span, exact(settings.test) * span
    training = span - validation - settings.folds * test
    last = max(steps.end_time, end)
    begin = min(steps.first_time, steps.first_target_time)

    def grid(moment: Fraction) -> int:
        return on_grid(moment, steps.frequency)

    found = []
    for fold in range(settings.folds):
        tested = end - (settings.folds - fold) * test
        is_last, slides = fold == settings.folds - 1, fold and settings.window == "sliding"
        borders = Borders(
            train=grid(tested - validation - training) if slides else begin,
            validation=grid(tested - validation),
            test=grid(tested),
            end=last if is_last else grid(tested + test),
        )
        found.append(borders)
    return found
