"""The policy rolling_origin: several chronological splits, whose test parts follow one another up to the end of the data.

Each fold keeps the embargo of a chronological split, so it is the split that would have been made at that time.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.split import RollingOrigin, exact
from hindcast.pipeline.split.policies.chronological import Borders, draft_at, to_grid
from hindcast.pipeline.split.policies.split_policy import Proposal, SplitPolicy
from hindcast.pipeline.split.steps import Steps


def propose_rolling_origin(steps: Steps, settings: RollingOrigin, seed: int, reach: int) -> Proposal:
    """Propose one draft per fold, the earliest first."""
    del seed, reach  # nothing is random, and no training step of a fold lies after its test
    drafts = tuple(
        replace(draft_at(steps, borders), attributes={"fold": number})
        for number, borders in enumerate(_borders_of_folds(steps, settings))
    )
    remark = f"fold {settings.chosen} of 0 to {settings.folds - 1}; set split.fold to choose another"
    return Proposal(drafts, settings.chosen, has_folds=True, remarks=(remark,))


def _borders_of_folds(steps: Steps, settings: RollingOrigin) -> list[Borders]:
    """Return the borders of all folds. Shares refer to the span from the first to the last observed target.

    The last n shares `test` of this span are the tests of the n folds, in order; the last test also contains everything
    after the span. Training begins with the data. With a sliding window it is always as long as in the first fold.
    """
    end = steps.last_target_time + steps.frequency
    span = end - steps.first_target_time
    validation, test = exact(settings.validation) * span, exact(settings.test) * span
    training = span - validation - settings.folds * test
    last = max(steps.end_time, end)
    begin = min(steps.first_time, steps.first_target_time)

    def grid(moment: Fraction) -> int:
        return to_grid(moment, min(steps.frequency, DAY))

    borders_of_folds = []
    for fold in range(settings.folds):
        test_begin = end - (settings.folds - fold) * test
        is_last, slides = fold == settings.folds - 1, fold and settings.window == "sliding"
        borders = Borders(
            train=grid(test_begin - validation - training) if slides else begin,
            validation=grid(test_begin - validation),
            test=grid(test_begin),
            end=last if is_last else grid(test_begin + test),
        )
        borders_of_folds.append(borders)
    return borders_of_folds


_FEWER_FOLDS = ", or lower split.folds"

ROLLING_ORIGIN = SplitPolicy(
    name="rolling_origin",
    form=RollingOrigin,
    propose=propose_rolling_origin,
    is_of_time=True,
    is_ordered=True,
    remedies=(_FEWER_FOLDS, _FEWER_FOLDS),
)
