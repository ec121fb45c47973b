"""Tables -> shards, a group at a time: which groups there are, what became of their steps, what is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.align.align_group import align_group, ending_inputs, text_of_features
from hindcast.pipeline.align.aligned import AlignedGroup
from hindcast.pipeline.align.features.registry import Input
from hindcast.pipeline.engine import map_in_order
from hindcast.pipeline.errors import AlignmentError, FormatError
from hindcast.pipeline.files import (
    digest_of_file,
    file_name,
    flush_to_disk,
    replace_file,
    replace_folders,
    write_json,
)
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.incremental import (
    PackedGroup,
    record_shards,
    reuse_shards,
    shard_fingerprint,
    shard_key,
)
from hindcast.pipeline.store.join_shards import SUFFIX
from hindcast.pipeline.store.layout import sample_count_for
from hindcast.pipeline.store.writer import write_shard
from hindcast.pipeline.tables import read_manifest

_SHOWN = 20  # groups in one message
_EXPLAINED = 3  # groups whose gaps a refusal explains: each is read once more
_MOSTLY = 0.5  # of the steps: an input missing at so many is to blame for the lack of sequences

_BESIDE = ThreadPoolExecutor(1)

_SMALL = 2_000_000
"""Table rows below which packing takes a second or two, and starting processes takes longer."""


def pack(params: Params, root: Path) -> dict[str, Any]:
    """Write `data/packed`, `reports/pack.json` and `reports/features.md` below `root` from `data/tables`; return the report.

    Groups are independent: their shards are the same from any number of workers. Only shards whose tables, settings or
    code changed are made again, to the bytes that making all would give. The old shards stay unless all succeed.

    Raises AlignmentError if a group in `align.groups` has no tables, if a source's vintages cover less than
    `pack.min_coverage` of a group's steps, or if no group has a sequence.
    """
    tables, packed = (root / "data/tables").resolve(), root / "data/packed"
    sources = read_manifest(tables)["sources"]
    groups = _groups(sources, params)
    keys = {group: shard_key(group, digests, params) for group, digests in groups.items()}
    with replace_folders(packed) as (fresh,):
        whole = {group: keys[group] for group in groups if _are_whole(tables, sources, group)}
        kept = reuse_shards(root, packed, fresh, whole)
        pack_one = partial(pack_group, tables, fresh.resolve(), params)
        items = [item for item in groups.items() if item[0] not in kept]
        rows = _rows(sources, items)
        made = map_in_order(pack_one, items, lambda item: item[0], "pack", "groups", small=rows < _SMALL)
        for one in made:
            if one.shard is not None:
                flush_to_disk(fresh / one.shard)  # what a worker has not come to, and what it could not do
        done = [{one.group: one for one in (*kept.values(), *made)}[group] for group in groups]
        report = report_of(done, tuple(params.raw.sources_of("forecast")))
        if not report["shards"]:
            _refuse_nothing(done, tables, params)
        _refuse_thin(done, params.pack.min_coverage)
    record_shards(root, packed, keys, done)
    write_json(root / "reports/pack.json", report)
    with replace_file(root / "reports/features.md") as temporary:
        temporary.write_text(text_of_features(params), encoding="utf-8")
    return report


def pack_group(
    tables: Path, folder: Path, params: Params, item: tuple[str, Mapping[str, str]]
) -> PackedGroup:
    """Align one group and write its shard into `folder`; `item` is (group, digests of its tables by source)."""
    group, digests = item
    aligned = align_group(tables, params, group)
    if not aligned.sequences:
        return PackedGroup(group, None, None, 0, 0, 0, 0, aligned.coverage, aligned.counts)
    fingerprint = shard_fingerprint(group, digests, params)
    shard = f"{file_name(group)}{SUFFIX}"
    header = write_shard(folder / shard, aligned, params, fingerprint, flushed=False)
    _BESIDE.submit(flush_to_disk, folder / shard)  # the disk works while the next group is aligned
    return PackedGroup(
        group=group,
        shard=shard,
        fingerprint=fingerprint,
        sequences=len(aligned.sequences),
        samples=header.sample_count,
        steps=header.step_count,
        padding=padding_of(aligned, header.segment_length),
        coverage=aligned.coverage,
        counts=aligned.counts,
    )


def padding_of(aligned: AlignedGroup, segment_length: int) -> int:
    """Steps that fill up the last samples of all sequences."""
    steps = np.array([len(sequence.times) for sequence in aligned.sequences], dtype=np.int64)
    return int((sample_count_for(steps, segment_length) * segment_length - steps).sum())


def report_of(done: Sequence[PackedGroup], sources: Sequence[str]) -> dict[str, Any]:
    """The content of pack.json: totals, then group by group.

    `steps_seen` are all steps of the grid, a track counted for itself, and
    `steps_seen = steps + sum(dropped)`; `coverage` is the share of steps for which a source has a vintage
    known at the origin, null for a source without rows.
    """
    counts = _sum(one.counts for one in done)
    return {
        "groups": len(done),
        "shards": sum(one.shard is not None for one in done),
        "groups_without_sequence": [one.group for one in done if one.shard is None],
        **{
            name: sum(getattr(one, name) for one in done)
            for name in ("sequences", "samples", "steps", "padding")
        },
        "series": counts["series"],
        "steps_seen": counts["steps"],
        "steps_with_target": counts["steps_with_target"],
        "dropped": _dropped(counts),
        "counts": counts,
        "coverage": {source: _coverage(done, source) for source in sources},
        "by_group": {one.group: _report_of_one(one) for one in done},
    }


def _groups(sources: Mapping[str, Any], params: Params) -> dict[str, dict[str, str]]:
    """The groups to pack, by name, with the digests of their tables by source."""
    absent = [name for name in params.raw.sources if name not in sources]
    if absent:
        raise FormatError(f"data/tables holds no table of {', '.join(absent)}: run the stage `ingest` again.")
    digests: dict[str, dict[str, str]] = {}
    for source in params.raw.sources:
        for group, entry in sources[source]["groups"].items():
            digests.setdefault(group, {})[source] = entry["digest"]
    wanted = sorted(digests) if params.align.groups is None else sorted(set(params.align.groups))
    unknown = [group for group in wanted if group not in digests]
    if unknown:
        raise AlignmentError(
            f"align.groups names groups that the tables do not hold: {_listed(unknown)}.",
            [f"there are {_listed(sorted(digests))}"],
        )
    return {group: digests[group] for group in wanted}


def _are_whole(tables: Path, sources: Mapping[str, Any], group: str) -> bool:
    """Whether the tables of a group are those of the manifest: a damaged one is left for packing to stumble over."""
    entries = [source["groups"][group] for source in sources.values() if group in source["groups"]]
    paths = [tables / entry["file"] for entry in entries]
    return all(
        path.is_file() and digest_of_file(path) == entry["digest"]
        for path, entry in zip(paths, entries, strict=True)
    )


def _rows(sources: Mapping[str, Any], items: Iterable[tuple[str, Mapping[str, str]]]) -> int:
    """Table rows of these groups."""
    return sum(sources[source]["groups"][group]["rows"] for group, digests in items for source in digests)


def _refuse_nothing(done: Sequence[PackedGroup], tables: Path, params: Params) -> None:
    faults = [f"{one.group}: {_words(one.counts)}" for one in done[:_SHOWN]]
    in_gaps = [one.group for one in done if one.counts["steps_in_gaps"]]
    for group in in_gaps[:_EXPLAINED]:
        faults += _of_gaps(group, list(ending_inputs(tables, params, group)), params)
    raise AlignmentError("No group has a sequence, so there is nothing to pack.", faults)


def _of_gaps(group: str, ending: Sequence[tuple[Input, float]], params: Params) -> Iterator[str]:
    """What to do about the inputs that are missing at most steps, or, if there is none, about the worst one."""
    for one, share in [(one, share) for one, share in ending if share >= _MOSTLY] or ending[:1]:
        role = params.raw.sources[one.sources[0]].role
        remedies = ["set align.gaps.longer=indicator", f"leave it out of align.features.{role}"]
        if role == "forecast" and share < 1:
            remedies.append("let interpolate (on its source) fill steps between coarser stamps")
        yield (
            f"{group}: {one.name} (source {' or '.join(one.sources)}) has no value known at the origin of {share:.1%} of the "
            f"steps, and align.gaps.longer=end ends sequences there: {', or '.join(remedies)}, if its cells and its known "
            "rule are right"
        )


def _refuse_thin(done: Sequence[PackedGroup], least: float) -> None:
    # a group without steps of the range has nothing that a source could cover
    short = [
        f"group {one.group}, source {source}: {share:.1%} of {one.covered_steps:,} steps"
        for one in done
        for source, share in one.coverage.items()
        if share < least and one.covered_steps
    ]
    if short:
        raise AlignmentError(
            f"Too few steps have a vintage that was known at their origin: pack.min_coverage asks for {least:.1%} of each "
            "group's. Check known, the zones and align.origin, leave groups out (align.groups), or set a lower share.",
            short,
        )


def _coverage(done: Sequence[PackedGroup], source: str) -> float | None:
    """The share over all groups in which the source has rows."""
    parts = [(one.coverage[source], one.covered_steps) for one in done if source in one.coverage]
    steps = sum(weight for _, weight in parts)
    return sum(share * weight for share, weight in parts) / steps if steps else None


def _report_of_one(one: PackedGroup) -> dict[str, Any]:
    return {
        "shard": one.shard,
        "fingerprint": one.fingerprint,
        "sequences": one.sequences,
        "samples": one.samples,
        "steps": one.steps,
        "padding": one.padding,
        "dropped": _dropped(one.counts),
        "coverage": dict(one.coverage),
        "counts": dict(one.counts),
    }


def _dropped(counts: Mapping[str, int]) -> dict[str, int]:
    return {
        "without_origin": counts["steps_without_origin"],
        "in_gaps": counts["steps_in_gaps"],
        "without_target": counts["steps_without_target"],
        "too_short": counts["steps_too_short"],
    }


def _sum(tables: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for table in tables:
        total.update(table)
    return dict(total)


def _words(counts: Mapping[str, int]) -> str:
    lost = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in _dropped(counts).items())
    return f"{counts['series']:,} series, {counts['steps']:,} steps ({lost})"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
