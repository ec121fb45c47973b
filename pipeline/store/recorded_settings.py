"""Whether the settings are those with which the files of earlier stages were made.

A stage that is run alone would otherwise use, and report, settings that its inputs do not follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.files import digest_of_value, read_json
from hindcast.pipeline.settings.capacity import capacity_columns
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.incremental import shard_fingerprint
from hindcast.pipeline.store.layout import FORMAT
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import duration_text, time_text


def check_recorded_settings(dataset: Dataset, params: Params, *, scaler: Path | None = None) -> None:
    """Raise SettingsError, with all differences, unless `params` are the settings with which earlier stages made their files.

    The section `split` is compared with that of the data set. With `scaler`, the path of scaler.json, so is the section
    `scale` with that of the scaler, and what a shard depends on with the shards. `seed` and `train.lookback` may differ: training may draw
    other weights, and `check_split` knows which windows are too long.
    """
    faults = list(_split_faults(dataset, params))
    if scaler is not None:
        faults = [*_pack_faults(dataset, params), *faults, *_scale_faults(scaler, params)]
    if faults:
        raise SettingsError(
            "The settings are not those with which earlier stages made their files. Set them back, or run these stages and all "
            "later ones again, as `dvc repro` does.",
            faults,
        )


def _split_faults(dataset: Dataset, params: Params) -> Iterator[str]:
    recorded = dataset.split("train").attributes
    shards = [
        list(map(str, pair)) for pair in zip(dataset.shards.group, dataset.shards.fingerprint, strict=True)
    ]
    lookback = {"lookback": int(recorded["lookback"])} if "lookback" in recorded else {}
    now = params.split.model_dump(mode="json")
    identity = {"seed": int(recorded.get("seed", params.seed)), "split": now, **lookback}
    if digest_of_value({"format": FORMAT, "shards": shards, **identity}) == dataset.fingerprint:
        return
    if recorded.get("policy") != params.split.policy:
        yield (
            f"split.policy: {dataset.path} was split with {recorded.get('policy')}, and the settings have {params.split.policy}: "
            "run the stage `split`"
        )
        return
    values = ", ".join(f"{name}={value}" for name, value in now.items() if name != "policy")
    yield (
        f"split: {dataset.path} was split with other values than {values}: {', '.join(_parts(dataset))}: run the stage `split`"
    )


def _parts(dataset: Dataset) -> Iterator[str]:
    """Describe the parts of a data set: their shares of the observed time, or of the samples if all parts begin at one time."""
    parts = [part for name in ("train", "validation", "test") if len((part := dataset.split(name)).indices)]
    if len({part.from_time for part in parts}) < len(parts):
        total = sum(len(part.indices) for part in parts)
        yield from (f"its {part.name} is {len(part.indices) / total:.3g} of the samples" for part in parts)
        return
    end = dataset.last_target_time + dataset.frequency
    begins = [max(part.from_time, dataset.first_target_time) for part in parts]
    for part, (begin, until) in zip(parts, pairwise([*begins, end]), strict=True):
        share = (until - begin) / (end - dataset.first_target_time)
        yield f"its {part.name} is {share:.3g} of the observed time, from {time_text(part.from_time)}"


def _scale_faults(path: Path, params: Params) -> Iterator[str]:
    scaler: dict[str, Any] = read_json(path)
    how = params.scale
    now = {"by": how.by, "target": how.of_targets, "min_rows": how.min_rows, "robust": how.robust}
    for name, value in now.items():
        recorded = scaler.get(name, False)
        if recorded != value and not (value == "auto" and "auto" in scaler):
            yield f"scale.{name}: {path} was fitted with {recorded}, and the settings have {value}: run the stage `scale`"
    divided, due = scaler.get("capacity", {}), capacity_columns(params.raw, params.align)
    if divided != due:
        yield f"align.capacity: {path} divides targets by {divided}, and the settings give {due}: run the stage `scale`"


def _pack_faults(dataset: Dataset, params: Params) -> Iterator[str]:
    """Compare the fingerprint of one shard with the one that the tables and the settings give: settings hold for all groups."""
    from hindcast.pipeline.tables import MANIFEST  # loads pandas

    folder, tables = dataset.path.parent / "packed", dataset.path.parent / "tables"
    if not (tables / MANIFEST).is_file():
        return
    group, sources = str(dataset.shards.group[0]), read_json(tables / MANIFEST)["sources"]
    digests = {
        name: sources[name]["groups"][group]["digest"]
        for name in params.raw.table_sources
        if group in sources.get(name, {}).get("groups", {})
    }
    if shard_fingerprint(group, digests, params) == dataset.shards.fingerprint[0]:
        return
    labels = (
        ("align.target", list(dataset.targets), list(params.align.target)),
        ("pack.segment_length", dataset.segment_length, params.pack.segment_length),
        ("raw.frequency", duration_text(dataset.frequency), duration_text(params.raw.frequency.ns)),
        ("train.missing_runs", _some(dataset.has_missed), _some(bool(params.train.missing_runs))),
    )
    named = [
        f"{name}: {folder} was packed with {recorded}, and the settings have {now}: run the stage `pack`"
        for name, recorded, now in labels
        if recorded != now
    ]
    other = (
        f"raw, align, pack: {folder} was packed with other settings of these sections, or from other tables than those in "
        f"{tables}: run the stage `pack`"
    )
    yield from named or [other]


def _some(is_set: bool) -> str:  # noqa: FBT001
    return "some" if is_set else "none"
