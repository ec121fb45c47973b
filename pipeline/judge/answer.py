"""The answer in words: is the model better than the published forecast? Yes, no or not proven."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from hindcast.pipeline.forecasters import CORRECTED, FORECASTERS, REFERENCES
from hindcast.pipeline.judge.metrics import number_text
from hindcast.pipeline.judge.scores import Judgement, Unflagged, scope_name
from hindcast.pipeline.judge.skill import Estimate, Skill, Verdict, verdict
from hindcast.pipeline.judge.table import UNUSABLE
from hindcast.pipeline.learn.blend_file import weights_text
from hindcast.pipeline.wording import listed

Kind = Literal["yes", "no", "open"]
_VERDICTS: dict[Verdict, str] = {"better": "better in", "open": "not proven in", "worse": "worse in"}
_SHORT: dict[Verdict, str] = {"better": "Yes", "open": "No, not proven", "worse": "No"}
_OVER_BASELINE: dict[Verdict, str] = {"better": "better", "open": "not proven", "worse": "worse"}
_KINDS: dict[Verdict, Kind] = {"better": "yes", "open": "open", "worse": "no"}
MOST_NAMES = 5
"""The number of names in a list of groups or series; the rest is counted."""


@dataclass(frozen=True)
class Answer:
    """A short answer and the sentences that support it, for one split and target."""

    kind: Kind
    short: str
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join([self.short, *self.sentences])


@dataclass(frozen=True)
class UnflaggedAnswer:
    """The answer without the rows that the quality check flagged, or without unusable ones.

    `differs` is set if the verdict is another one, or if the skill on all rows lies outside the interval of the skill
    without these rows. `short` is the answer, `sentence` gives the rows and the figures.
    """

    differs: bool
    verdict: Verdict | None
    short: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.short} {self.sentence}" if self.differs else self.sentence


def derive_answer(judgement: Judgement) -> Answer:
    """Answer yes if the whole 95 % interval of the MAE skill lies above 0, no if it lies below 0, else not proven."""
    where = f"for {judgement.target} on {judgement.split}"
    overall = next((scoped.skill for scoped in judgement.skills if scoped.scope == "all"), None)
    if overall is None:
        return Answer("open", "No answer.", (_explain_none(judgement, where),))
    sentences = (
        _mae_sentence(judgement, overall, where),
        _rmse_sentence(overall),
        *_corrected_sentences(judgement),
        *_part_sentences(judgement),
        _better_ones(judgement),
        *blend_sentences(judgement),
    )
    if judgement.rival != "published":
        return Answer("open", "No published forecast to compare with.", sentences)
    found = verdict(overall.mae)
    return Answer(_KINDS[found], f"{_SHORT[found]}.", sentences)


def derive_unflagged(judgement: Judgement) -> UnflaggedAnswer | None:
    """Return the answer without the flagged rows; None if the quality check flagged no compared row."""
    found = judgement.unflagged
    if found is None:
        return None
    also = " or align.usable names them" if UNUSABLE in found.labels else ""
    return _answer_without(judgement, found, "flagged", f"the quality check flagged their values{also}")


def derive_usable(judgement: Judgement) -> UnflaggedAnswer | None:
    """Return the answer without the unusable rows; None if no compared row is unusable."""
    found = judgement.usable
    if found is None:
        return None
    return _answer_without(judgement, found, "unusable", "align.usable names them")


def answers_without(judgement: Judgement) -> list[UnflaggedAnswer]:
    """Return the answers without the flagged and without the unusable rows, if there are such rows."""
    return [*filter(None, (derive_unflagged(judgement), derive_usable(judgement)))]


def _answer_without(judgement: Judgement, found: Unflagged, what: str, why: str) -> UnflaggedAnswer:
    reasons = ", ".join(f"{label} {rows}" for label, rows in found.labels.items())
    rows = f"{found.left_out} of {found.compared} compared rows"
    left_out = f"With {rows} left out, because {why} ({reasons}), "
    if found.skill is None or judgement.rival is None:
        remain = "nothing remains to compare." if found.left_out == found.compared else "there is no answer."
        return UnflaggedAnswer(
            judgement.rival is not None, None, f"Without the {what} rows: no answer.", left_out + remain
        )
    mae, overall = found.skill.mae, judgement.skills[0].skill.mae
    better = verdict(mae)
    answer = _SHORT[better] if judgement.rival == "published" else _OVER_BASELINE[better]
    ours, theirs = (number_text(found.scores[name].mae) for name in (judgement.judged, judgement.rival))
    figures = f"MAE {ours} against {theirs} of {FORECASTERS[judgement.rival].label}"
    if mae.value is not None:
        figures += f", {change_text(mae.value)} ({_interval_text(mae, found.skill.days)})"
    return UnflaggedAnswer(
        better != verdict(overall) or _lies_outside(overall, mae),
        better,
        f"Without the {what} rows: {answer}.",
        f"{left_out}the answer is {answer}: {figures}.",
    )


def change_text(value: float) -> str:
    """Format a skill as a change of the error: 0.123 gives `12.3 % lower`, less than half of 0.1 % `equal`."""
    if _is_equal(value):
        return "equal"
    return f"{abs(100 * value):.1f} % {'lower' if value >= 0 else 'higher'}"


def _is_equal(value: float) -> bool:
    return abs(100 * value) < 0.05


def _lies_outside(whole: Estimate, part: Estimate) -> bool:
    """Return whether the skill on all rows lies outside the interval of the skill on a part of them."""
    if whole.value is None or part.low is None or part.high is None:
        return False
    return not part.low <= whole.value <= part.high


def _explain_none(judgement: Judgement, where: str) -> str:
    if not judgement.comparison.scored:
        return f"There are no scored rows {where}."
    if judgement.judged not in judgement.comparison.forecasters:
        return f"{_who(judgement)} has no value {where}."
    if not judgement.comparison.compared:
        return f"No row {where} has a value from every forecaster."
    return f"There is nothing to compare {_who(judgement).lower()} with {where}."


def blend_sentences(judgement: Judgement) -> list[str]:
    """Say what the blend is made of, and compare the gain that training expected with the one found; nothing without a blend."""
    made = judgement.blend
    if made is None:
        return []
    equal = ", so it is equal to the published forecast by construction" if made.is_published else ""
    sentences = [f"The mean weights of the blend are {weights_text(made.weights)}{equal}."]
    if made.missing:
        lacking = ", ".join(f"{name} at {rows:,}" for name, rows in made.missing.items())
        sentences.append(
            f"A member with a weight has no value at some rows ({lacking}): there the weights of the others are divided by their sum."
        )
    expected = made.expected
    rivals = {each.other: each.mae.value for each in judgement.others}
    got = rivals.get(expected["rival"])
    if expected["value"] is not None and got is not None:
        outside = expected["low"] is not None and not expected["low"] <= got <= expected["high"]
        interval = (
            f" (95 % interval {100 * expected['low']:.1f} to {100 * expected['high']:.1f} %)"
            if expected["low"] is not None
            else ""
        )
        sentences.append(
            f"Training expected a gain of {100 * expected['value']:.1f} %{interval} over {FORECASTERS[expected['rival']].label}, "
            f"got {100 * got:.1f} %{', which lies outside the interval' if outside else ''}."
        )
    return sentences


def _who(judgement: Judgement) -> str:
    return "The blend" if judgement.judged == "blend" else "The model"


def _mae_sentence(judgement: Judgement, overall: Skill, where: str) -> str:
    label = FORECASTERS[overall.other].label
    rival = label if judgement.rival == "published" else f"the best baseline, {label}"
    who = _who(judgement)
    if overall.mae.value is None:
        ours = judgement.scores[judgement.judged].mae
        if ours:
            return f"{who}'s mean absolute error {where} is {number_text(ours)}, and {rival} has no error at all."
        return f"The MAE skill {where} is undefined: {who.lower()} and {rival} have no error at all."
    change, interval = change_text(overall.mae.value), _interval_text(overall.mae, overall.days)
    proven = judgement.rival == "published" or verdict(overall.mae) != "open"
    return (
        f"{who}'s mean absolute error {where} is {change} {'to' if change == 'equal' else 'than'} that of {rival} ({interval})"
        f"{'.' if proven else ': not proven.'}"
    )


def _rmse_sentence(overall: Skill) -> str:
    if overall.rmse.value is None:
        return "The RMSE skill is undefined."
    disagree = {verdict(overall.mae), verdict(overall.rmse)} == {"better", "worse"}
    sentence = (
        f"Its RMSE is {change_text(overall.rmse.value)} ({_interval_text(overall.rmse, overall.days)})."
    )
    return f"{sentence} The two measures disagree." if disagree else sentence


def _corrected_sentences(judgement: Judgement) -> list[str]:
    """Compare the model with the corrected published forecast, if there is one and its error is not 0."""
    found = next((skill for skill in judgement.others if skill.other == CORRECTED), None)
    if found is None or found.mae.value is None:
        return []
    change, better = change_text(found.mae.value), verdict(found.mae)
    than = "to" if change == "equal" else "than"
    end = ": not proven." if better == "open" else "."
    label, interval = FORECASTERS[CORRECTED].label, _interval_text(found.mae, found.days)
    return [f"Its mean absolute error is {change} {than} that of {label} ({interval}){end}"]


def _part_sentences(judgement: Judgement) -> list[str]:
    """Count the groups and tracks in which the model is better or worse; in the total, large groups outweigh small ones."""
    sentences = []
    for scope, noun in (("group", "groups"), ("track", "tracks")):
        parts = [scoped for scoped in judgement.skills if scoped.scope == scope]
        if len(parts) < 2:
            continue
        found = {each: [part for part in parts if verdict(part.skill.mae) == each] for each in _VERDICTS}
        counts = ", ".join(f"{text} {len(found[each])}" for each, text in _VERDICTS.items())
        worst = sorted(found["worse"], key=lambda part: part.skill.mae.value or 0.0)
        names = listed([scope_name(judgement, part) for part in worst], MOST_NAMES) if worst else ""
        sentences.append(f"Of {len(parts)} {noun}: {counts}{f' ({names})' if names else ''}.")
    return sentences


def _better_ones(judgement: Judgement) -> str:
    """Name the forecasters with a lower error; plain shifts apart, since they read values that were not known at the origin."""
    ours, who = judgement.scores[judgement.judged].mae or 0.0, _who(judgement).lower()

    def lower(names: Iterable[str]) -> list[str]:
        errors = {name: judgement.scores[name].mae for name in names}
        return [
            f"{FORECASTERS[name].label} ({number_text(error)})"
            for name, error in errors.items()
            if error is not None and error < ours
        ]

    better, shifts = (
        lower(judgement.comparison.rivals),
        lower(name for name in REFERENCES if name in judgement.scores),
    )
    if better:
        found = f"Forecasters with a lower mean absolute error than {who} ({number_text(ours)}): {', '.join(better)}."
    else:
        others = (
            "No other forecaster that keeps to what was known at the origin"
            if shifts
            else "No other forecaster"
        )
        found = f"{others} has a lower mean absolute error than {who} ({number_text(ours)})."
    if not shifts:
        return found
    verb = "has" if len(shifts) == 1 else "have"
    return f"{found} {' and '.join(shifts)} {verb} a lower one, with values that were not always known at the origin."


def _interval_text(estimate: Estimate, days: int) -> str:
    if estimate.low is None and estimate.high is not None:
        return f"95 % sure to be at least {change_text(estimate.high)}"
    if estimate.low is None or estimate.high is None:
        return f"no interval: {days} {'day is' if days == 1 else 'days are'} too few"
    if _is_equal(estimate.low) and _is_equal(estimate.high):
        return "95 % interval: equal"
    near, far = (estimate.high, estimate.low) if estimate.high < 0 else (estimate.low, estimate.high)
    return f"95 % interval from {change_text(near)} to {change_text(far)}"
