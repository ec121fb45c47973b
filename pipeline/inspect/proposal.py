"""Drafts of sources -> the settings of a data set as a page of YAML that `check_params` accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.inspect.origin_guess import lags_of, origin_of
from hindcast.pipeline.inspect.source_drafts import Draft, Fields, fields_of
from hindcast.pipeline.inspect.source_yaml import add_source, names_of
from hindcast.pipeline.inspect.timestamp_columns import in_words
from hindcast.pipeline.inspect.vocabulary import zones_of
from hindcast.pipeline.inspect.yaml_page import Doubt, Page, flow
from hindcast.pipeline.settings.base import DAY, HOUR
from hindcast.pipeline.settings.params import check_params

_REST = """\
pack: {segment_length: 24, codec: zstd, chunk_bytes: 1MiB, min_coverage: 0.5}
split: {policy: chronological, validation: 0.1, test: 0.2}
scale: {by: feature}
train:
  lanes: 64
  run_length: 60d
  epochs: 40
  patience: 10
evaluate: {baselines: [published, persistence, seasonal_24h, seasonal_168h, trees], trees_max_rows: 500000, sums: []}
"""
NO_TARGET = "to_be_named"
_MEASUREMENTS = (
    "inspect the files of measurements together with these, or add their source (role: realized) under raw.sources "
    f"and write the name of its value here in place of {NO_TARGET}"
)
_MINUTE = 60 * 10**9


@dataclass(frozen=True)
class Proposal:
    """`text` is a file for conf/dataset/; `doubts` are what it asks."""

    text: str
    doubts: tuple[Doubt, ...]


def propose(drafts: Sequence[Draft], all_paths: Sequence[str], root: str, name: str) -> Proposal:
    """Write the proposal; raises SettingsError where the files cannot make a data set.

    `root` is what raw.path shall be, `name` the name for groups and series that nothing names.
    """
    fields = fields_of(drafts, name)
    frequency, about_frequency = _frequency(drafts)
    page = Page()
    page.lines.append("# @package _global_")
    page.remark(
        0,
        "Proposed from the files by `hindcast inspect`. What they do not tell is asked at its line: look for `# ?`.",
    )
    page.add(0, "raw")
    page.add(1, "path", root)
    page.add(1, "frequency", in_words(frequency), ask=about_frequency, setting="raw.frequency")
    zone, about_zone = _zone(drafts, fields)
    page.add(1, "zone", zone, ask=about_zone, setting="raw.zone")
    page.add(1, "max_bad_fraction", 0.01)
    page.add(1, "sources")
    names = names_of(drafts, fields)
    for draft, field, source in zip(drafts, fields, names, strict=True):
        add_source(page, draft, field, source, all_paths=all_paths, frequency=frequency)
    page.gap()
    _add_align(page, drafts, frequency)
    page.gap()
    page.lines += _REST.splitlines()
    check_params(completed(page.text), "the proposal")
    return Proposal(page.text, tuple(page.doubts))


def _frequency(drafts: Sequence[Draft]) -> tuple[int, list[str]]:
    """The coarsest step of the measurements: finer ones can be brought to it, coarser ones not made finer."""
    realized = [draft for draft in drafts if draft.role == "realized"]
    coarse = sorted({file.step for draft in drafts if draft.role == "forecast" for file in draft.files})
    steps = sorted({file.step for draft in realized or drafts for file in draft.files if file.step})
    if not steps:
        return HOUR, ["no file holds two stamps, so there is no step: what is it?"]
    ask = []
    step = steps[-1]
    if coarse and coarse[-1] > step:
        ask.append(f"forecasts come in steps of {in_words(coarse[-1])}: the steps between have none")
    if len(steps) > 1:
        ask.append(
            f"steps of {' and '.join(map(in_words, steps))} occur; finer ones are brought to the coarsest (`resample`)"
        )
    if step > DAY:
        ask.append(f"the files have steps of {in_words(step)}, but a step is a day at most")
        return DAY, ask
    if DAY % step or step % _MINUTE:
        fitting = min(
            s * _MINUTE for s in (1, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440) if s * _MINUTE >= step
        )
        ask.append(f"stamps mostly stand {in_words(step)} apart, which does not divide a day")
        return fitting, ask
    return step, ask


def _zone(drafts: Sequence[Draft], fields: Sequence[Fields]) -> tuple[Any, list[str]]:
    """The zone of each group where groups are countries, else the one that stamps prove, else UTC with a question."""
    groups = sorted({group for field in fields for group in field.groups})
    proven = {draft.part.zone.zone for draft in drafts if draft.part.zone.wall}
    ask = "the zone for local days, gates and calendar; is it this one?"
    if groups and all(zones_of(group) for group in groups):
        chosen = {
            group: next((zone for zone in zones_of(group) if zone in proven), zones_of(group)[0])
            for group in groups
        }
        several = [group for group in groups if len(zones_of(group)) > 1 and chosen[group] not in proven]
        return chosen, [f"taken from the countries' codes ({', '.join(several)}: there are several zones)" if several
                        else "taken from the countries' codes"]  # fmt: skip
    if len(proven) == 1:
        return proven.pop(), []
    if len(proven) > 1:
        first = min(proven)
        return first, [
            f"stamps prove {', '.join(sorted(proven))}: say which group has which, as in {{name: zone}}"
        ]
    fixed = {draft.part.zone.zone for draft in drafts} - {"UTC"}
    return (fixed.pop() if len(fixed) == 1 else "UTC"), [ask]


def _add_align(page: Page, drafts: Sequence[Draft], frequency: int) -> None:
    target, ask = _target(drafts)
    forecasts = {value.name for draft in drafts if draft.role == "forecast" for value in draft.values}
    published = {target: f"{target}_forecast"} if f"{target}_forecast" in forecasts else {}
    origin = origin_of(drafts, frequency)
    page.add(0, "align")
    page.add(1, "target", [target], ask=ask, setting="align.target")
    unsure = (
        []
        if published or not forecasts
        else [f"is one of {', '.join(sorted(forecasts))} the published forecast of {target}?"]
    )
    page.add(1, "published", published, ask=unsure, setting="align.published")
    page.lines += ["  groups: null", "  from: null", "  until: null"]
    page.add(1, "origin", origin.setting, ask=origin.questions, setting="align.origin")
    page.add(1, "vintage", {"take": "newest", "max_age": None})
    page.add(1, "gaps", {"fill": in_words(max(2 * HOUR, 2 * frequency)), "longer": "end"})
    page.add(1, "features")
    page.add(2, "forecast", "all")
    page.add(2, "known", "all")
    before = page.text
    lags = lags_of(lambda lag: _is_allowed(before, target, lag), frequency)
    page.add(2, "lags", {target: lags} if lags else {})
    page.add(2, "recent", {})
    page.add(2, "ahead", 0)
    page.add(2, "calendar", ["hour", "weekday", "yearday"] if frequency < DAY else ["weekday", "yearday"])
    page.add(2, "lead", value=True)


def _target(drafts: Sequence[Draft]) -> tuple[str, list[str]]:
    realized = [value.name for draft in drafts if draft.role == "realized" for value in draft.values]
    forecasts = {value.name for draft in drafts if draft.role == "forecast" for value in draft.values}
    names = list(dict.fromkeys(realized))
    if not names:
        return NO_TARGET, [f"all values look like forecasts: {_MEASUREMENTS}"]
    paired = [name for name in names if f"{name}_forecast" in forecasts]
    target = (paired or names)[0]
    others = [name for name in names if name != target]
    return target, [f"the target could also be {', '.join(others[:8])}"] if others else []


def completed(text: str) -> dict[str, Any]:
    """The settings, with a source of measurements where these files have none: somebody else's files will."""
    settings: dict[str, Any] = yaml.safe_load(text)
    if settings["align"]["target"] == [NO_TARGET]:
        settings["raw"]["sources"][NO_TARGET] = {
            "role": "realized",
            "files": "*",
            "group": {"constant": "-"},
            "valid_time": {"column": "-"},
            "known": {"after_step": "1h"},
            "values": {NO_TARGET: {"column": "-"}},
        }
    return settings


def _is_allowed(text: str, target: str, lag: str) -> bool:
    try:
        check_params(completed(f"{text}    lags: {flow({target: [lag]})}\n"), "a lag")
    except SettingsError:
        return False
    return True
