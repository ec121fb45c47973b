"""The answer in words: is the model better than the published forecast? "No" as plainly as "yes"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hindcast.pipeline.forecasters import FORECASTERS, REFERENCES
from hindcast.pipeline.judge.metrics import rounded
from hindcast.pipeline.judge.scores import Judgement, Scoped, scope_name
from hindcast.pipeline.judge.skill import Gain, Skill, Verdict, verdict

_VERDICTS: dict[Verdict, str] = {"better": "better in", "open": "not proven in", "worse": "worse in"}
_MOST_NAMES = 5


@dataclass(frozen=True)
class Answer:
    """One word and the sentences that ground it, about one split and target."""

    kind: Literal["yes", "no", "open"]
    short: str
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join([self.short, *self.sentences])


def answer_of(judgement: Judgement) -> Answer:
    """Yes only if the whole 95 % interval of the MAE skill lies above 0; no if below; else not proven."""
    where = f"for {judgement.target} on {judgement.split}"
    whole = next((scoped.skill for scoped in judgement.skills if scoped.scope == "all"), None)
    if whole is None:
        return Answer("open", "No answer.", (_why_none(judgement, where),))
    sentences = (_opening(judgement, whole, where), _by_rmse(whole), *_by_part(judgement), *_ahead(judgement))
    if judgement.against != "published":
        return Answer("open", "No published forecast to compare with.", sentences)
    return {
        "better": Answer("yes", "Yes.", sentences),
        "worse": Answer("no", "No.", sentences),
        "open": Answer("open", "No, not proven.", sentences),
    }[verdict(whole.mae)]


def named(forecaster: str) -> str:
    """A forecaster in the words of a sentence."""
    return FORECASTERS[forecaster].label if forecaster in FORECASTERS else forecaster


def percent(value: float) -> str:
    """A skill as a change of the error: 0.123 is `12.3 % lower`."""
    return f"{abs(100 * value):.1f} % {'lower' if value >= 0 else 'higher'}"


def some(names: Sequence[str]) -> str:
    """The first few names, and how many there are beyond."""
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else shown


def _why_none(judgement: Judgement, where: str) -> str:
    if not judgement.comparison.scored:
        return f"There are no scored rows {where}."
    if "model" not in judgement.comparison.forecasters:
        return f"The model has no value {where}."
    if not judgement.comparison.compared:
        return f"There is no row {where} on which all forecasters have a value."
    return f"There is nothing to compare the model with {where}."


def _opening(judgement: Judgement, whole: Skill, where: str) -> str:
    rival = (
        named(whole.other) if judgement.against == "published" else f"the best baseline, {named(whole.other)}"
    )
    head = f"The model's mean absolute error {where} is"
    if whole.mae.value is None:
        return f"{head} compared with none at all: {rival} makes no error."
    words = f"{head} {percent(whole.mae.value)} than that of {rival} ({_interval(whole.mae, whole.days)})"
    if judgement.against == "published" or verdict(whole.mae) != "open":
        return f"{words}."
    return f"{words}: not proven."


def _by_rmse(whole: Skill) -> str:
    if whole.rmse.value is None:
        return "By RMSE there is nothing to compare."
    but = " The two measures disagree." if _sign(whole.rmse) * _sign(whole.mae) < 0 else ""
    return f"Its RMSE is {percent(whole.rmse.value)} ({_interval(whole.rmse, whole.days)}).{but}"


def _by_part(judgement: Judgement) -> list[str]:
    """How many groups and tracks are better or worse than the whole says: large ones outweigh small ones in it."""
    sentences = []
    for scope, words in (("group", "groups"), ("track", "tracks")):
        parts = [scoped for scoped in judgement.skills if scoped.scope == scope]
        if len(parts) < 2:
            continue
        found = {word: [part for part in parts if verdict(part.skill.mae) == word] for word in _VERDICTS}
        told = ", ".join(f"{words_of} {len(found[word])}" for word, words_of in _VERDICTS.items())
        names = some([scope_name(judgement, part) for part in sorted(found["worse"], key=_skill_of)])
        sentences.append(f"Of {len(parts)} {words}: {told}{f' ({names})' if names else ''}.")
    return sentences


def _skill_of(scoped: Scoped) -> float:
    return scoped.skill.mae.value or 0.0


def _ahead(judgement: Judgement) -> list[str]:
    ours = judgement.scores["model"].mae or 0.0
    better = [
        f"{named(name)} ({rounded(score.mae)})"
        for name, score in judgement.scores.items()
        if name != "model" and name not in REFERENCES and score.mae is not None and score.mae < ours
    ]
    if not better:
        return [f"No forecaster compared has a lower mean absolute error than the model ({rounded(ours)})."]
    return [f"Still lower than the model's mean absolute error ({rounded(ours)}): {', '.join(better)}."]


def _interval(gain: Gain, days: int) -> str:
    if gain.low is None or gain.high is None:
        return f"no interval: {days} {'day is' if days == 1 else 'days are'} too few"
    near, far = (gain.high, gain.low) if gain.high < 0 else (gain.low, gain.high)
    return f"95 % interval from {percent(near)} to {percent(far)}"


def _sign(gain: Gain) -> int:
    return {"better": 1, "worse": -1, "open": 0}[verdict(gain)]
