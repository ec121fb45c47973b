"""The measured values, published forecasts and baselines of the steps that are forecast at the origins of a range, as a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hindcast.pipeline.align.origin_steps import labels_of_origin, origins_between
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.serve.past_settings import stored_baselines
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.split import Chronological
from hindcast.pipeline.split.write_splits import build_dataset
from hindcast.pipeline.store.pack import pack
from hindcast.pipeline.tables import read_manifest
from hindcast.pipeline.wording import time_text

_BEFORE = 31 * DAY  # steps before the range: a data set has a training split


@dataclass(frozen=True)
class ObservedRange:
    """A data set whose split `test` has the steps of the range, and the settings that it was made with."""

    dataset: Path
    params: Params


def observed_range(params: Params, tables: Path, folder: Path, origins: tuple[int, int]) -> ObservedRange:
    """Pack the steps that are forecast at the origins in a half-open range (ns UTC), and a month before, into `folder`.

    Raises SettingsError if there is no such origin, and the errors of the stages `pack` and `split`.
    """
    first, end = _labels(params, tables, origins)
    begin = first // DAY * DAY - _BEFORE
    align = {
        "from_": max(begin, params.align.from_ or begin),
        "until": min(end, params.align.until or end),
    }
    own = stored_baselines(params).model_copy(
        update={
            "align": params.align.model_copy(update=align),
            "split": Chronological(validation=0.0, test=first),
        }
    )
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    link = data / "tables"
    link.unlink(missing_ok=True)
    link.symlink_to(tables.resolve(), target_is_directory=True)
    pack(own, folder)
    build_dataset(data / "packed", data / "dataset.h5", own)
    return ObservedRange(data / "dataset.h5", own)


def _labels(params: Params, tables: Path, origins: tuple[int, int]) -> tuple[int, int]:
    """Return the first label of the steps at the origins, and the end of the last one."""
    firsts, ends = [], []
    for group in groups_of(params, tables):
        found = origins_between(params, group, origins[0], origins[1] - 1)
        if len(found):
            firsts.append(int(labels_of_origin(params, group, int(found[0]))[0]))
            ends.append(int(labels_of_origin(params, group, int(found[-1]))[-1]) + params.raw.frequency.ns)
    if not firsts:
        raise SettingsError(
            f"No step is forecast from {time_text(origins[0])} to {time_text(origins[1])}, by align.origin: choose a longer range."
        )
    return min(firsts), max(ends)


def groups_of(params: Params, tables: Path) -> list[str]:
    """Return the groups of the tables that `align.groups` names, sorted."""
    found = {
        group for source in read_manifest(tables)["sources"].values() for group in source["groups"] if group
    }
    chosen = params.align.groups
    return sorted(group for group in found if chosen is None or group in chosen)
