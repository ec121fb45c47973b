"""Packing of tables into shards, one group at a time: the choice of groups, the report, and the errors of packing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from hindcast.pipeline.align.align_group import align_group, ending_inputs, text_of_features
from hindcast.pipeline.align.inputs import Input
from hindcast.pipeline.digests import FileDigests
from hindcast.pipeline.engine import map_in_order
from hindcast.pipeline.errors import AlignmentError, FormatError
from hindcast.pipeline.files import (
    file_name,
    flush_to_disk,
    replace_file,
    replace_folders,
    write_json,
)
from hindcast.pipeline.settings.fields import LIMITS
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.incremental import (
    PackedGroup,
    record_shards,
    reuse_shards,
    shard_fingerprint,
    shard_key,
)
from hindcast.pipeline.store.join_shards import SUFFIX
from hindcast.pipeline.store.pair_report import check_names, group_pairs, pairs_report
from hindcast.pipeline.store.writer import write_shard
from hindcast.pipeline.tables import damage_text, read_manifest
from hindcast.pipeline.wording import counted, listed

_MOST_LISTED = 20  # groups in one message
_MOST_EXPLAINED = 3  # groups whose gaps an error explains: each is read once more
_USUALLY_MISSING = (
    0.5  # share of the steps; an input that is missing more often explains why there is no sequence
)
_FEW_ROWS = 2_000_000
"""Table rows below which packing takes a second or two, less than starting processes."""

_FLUSHER = ThreadPoolExecutor(1)


def pack(params: Params, root: Path) -> dict[str, Any]:
    """Write `data/packed`, `reports/pack.json` and `reports/features.md` below `root` from `data/tables`; return the report.

    Groups are independent: their shards are the same from any number of workers. Only shards whose tables, settings or
    code have changed are written again, with the same bytes as if all were. The old shards stay unless all groups succeed.

    Raises AlignmentError if a group in `align.groups` has no tables, if a source's vintages cover less than
    `pack.min_coverage` of a group's steps, or if no group has a sequence.
    """
    tables, packed = (root / "data/tables").resolve(), root / "data/packed"
    sources = read_manifest(tables)["sources"]
    groups = _select_groups(sources, params)
    keys = {group: shard_key(group, digests, params) for group, digests in groups.items()}
    with replace_folders(packed) as (fresh,):
        _check_tables(root, tables, sources, groups)
        results, digests_of_shards = reuse_shards(root, packed, fresh, keys)
        items = [item for item in groups.items() if item[0] not in results]
        rows = sum(sources[source]["groups"][group]["rows"] for group, digests in items for source in digests)
        pack_one = partial(pack_group, tables, fresh.resolve(), params)
        for result in map_in_order(
            pack_one, items, lambda item: item[0], "pack", "group", small=rows < _FEW_ROWS, folder=root
        ):
            results[result.group] = result
            if result.shard is not None:
                flush_to_disk(fresh / result.shard)  # a worker may not have done so yet, or failed to
        ordered = [results[group] for group in groups]
        report = build_report(ordered, tuple(params.raw.sources_of("forecast"))) | _flags(ordered, params)
        report |= _by_target(ordered, "unusable", params.align.usable)
        report |= _by_target(ordered, "without_capacity", params.align.capacity)
        report |= _summed(ordered, "coarser", "pieces")
        if noticed := [text for result in ordered for text in result.resolution]:
            report["resolution"] = noticed[:_MOST_LISTED]
        report |= _summed(ordered, "accumulated", "amounts") | _summed(ordered, "members", "members")
        if pairs := pairs_report(ordered):
            report["pairs"] = pairs
        check_names(ordered, params)
        if not report["shards"]:
            raise AlignmentError(
                "No group has a sequence, so there is nothing to pack.",
                list(_explain_no_sequence(ordered, tables, params)),
            )
        _check_coverage(ordered, params.pack.min_coverage)
    record_shards(root, packed, keys, ordered, digests_of_shards)
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
    further: dict[str, Any] = {
        "flags": aligned.flag_counts,
        "pairs": group_pairs(aligned),
        "measured": aligned.measured,
        "unusable": dict(aligned.unusable),
        "amounts": dict(aligned.amounts),
        "members": dict(aligned.members),
        "without_capacity": dict(aligned.without_capacity),
        "pieces": dict(aligned.pieces),
        "resolution": aligned.resolution,
    }
    if not aligned.sequences:
        return PackedGroup(group, aligned.coverage, aligned.counts, **further)
    fingerprint = shard_fingerprint(group, digests, params)
    shard = f"{file_name(group)}{SUFFIX}"
    header = write_shard(folder / shard, aligned, params, fingerprint, flushed=False)
    _FLUSHER.submit(flush_to_disk, folder / shard)  # the disk works while the next group is aligned
    return PackedGroup(
        group,
        aligned.coverage,
        aligned.counts,
        shard,
        fingerprint,
        sequences=len(aligned.sequences),
        samples=header.sample_count,
        steps=header.step_count,
        padding=header.sample_count * header.segment_length - header.step_count,
        **further,
    )


def build_report(results: Sequence[PackedGroup], sources: Sequence[str]) -> dict[str, Any]:
    """Build the content of pack.json: totals, then group by group.

    `steps_seen` counts all steps of the grid, each track separately; `steps_seen = steps + sum(dropped)`. `coverage`
    is the share of steps for which a source has a vintage known at the origin, null for a source without rows.
    """
    total: Counter[str] = Counter()
    for result in results:
        total.update(result.counts)
    counts, summed = dict(total), ("sequences", "samples", "steps", "padding")
    return {
        "groups": len(results),
        "shards": sum(result.shard is not None for result in results),
        "groups_without_sequence": [result.group for result in results if result.shard is None],
        **{name: sum(getattr(result, name) for result in results) for name in summed},
        "series": counts["series"],
        "steps_seen": counts["steps"],
        "steps_with_target": counts["steps_with_target"],
        "dropped": _dropped(counts),
        "counts": counts,
        "coverage": {source: _total_coverage(results, source) for source in sources},
        "by_group": {
            result.group: {
                **{name: getattr(result, name) for name in ("shard", "fingerprint", *summed)},
                "dropped": _dropped(result.counts),
                "coverage": dict(result.coverage),
                "counts": dict(result.counts),
            }
            for result in results
        },
    }


def _flags(results: Sequence[PackedGroup], params: Params) -> dict[str, Any]:
    """Return the entry `flags` of pack.json, of values with limits: in total and per group, the values beyond each limit."""
    entries: dict[str, Any] = {}
    for name, source in params.raw.table_sources.items():
        for value, field in source.values.items():
            by_group = {
                result.group: dict(result.flags[name][value])
                for result in results
                if value in result.flags.get(name, {})
            }
            if field.flag is not None and field.on_flag != "quarantine":
                limits = [limit for limit in LIMITS if getattr(field.flag, limit) is not None]
                entries[f"{name}.{value}"] = {
                    "on_flag": field.on_flag,
                    "beyond": {limit: sum(counts[limit] for counts in by_group.values()) for limit in limits},
                    "by_group": {
                        group: {limit: counts[limit] for limit in limits}
                        for group, counts in by_group.items()
                    },
                }
    return {"flags": entries} if entries else {}


def _by_target(results: Sequence[PackedGroup], name: str, targets: Iterable[str]) -> dict[str, Any]:
    """Return the entry `unusable` or `without_capacity` of pack.json: the steps of each target, in total and by group."""
    entries: dict[str, Any] = {}
    for target in targets:
        steps = {result.group: getattr(result, name).get(target, 0) for result in results}
        by_group = {group: count for group, count in steps.items() if count}
        entries[target] = {"steps": sum(by_group.values()), "by_group": by_group}
    return {name: entries} if entries else {}


def _summed(results: Sequence[PackedGroup], title: str, field: str) -> dict[str, Any]:
    """Return the entry `title` of pack.json: the counts of all groups by value or source, each example from the first group that has it."""
    entries: dict[str, dict[str, Any]] = {}
    for result in results:
        for name, counts in getattr(result, field).items():
            entry = entries.setdefault(name, {})
            for key, found in counts.items():
                if key == "members":
                    entry[key] = max(entry.get(key, 0), found)
                else:
                    entry[key] = (
                        entry.get(key, 0) + found if isinstance(found, int) else entry.get(key, found)
                    )
    return {title: entries} if entries else {}


def _select_groups(sources: Mapping[str, Any], params: Params) -> dict[str, dict[str, str]]:
    """Return the groups to pack, by name, with the digests of their tables by source."""
    missing = [name for name in params.raw.table_sources if name not in sources]
    if missing:
        raise FormatError(f"data/tables has no tables of {', '.join(missing)}: run the stage `ingest` again.")
    digests: dict[str, dict[str, str]] = {}
    for source in params.raw.table_sources:
        for group, entry in sources[source]["groups"].items():
            digests.setdefault(group, {})[source] = entry["digest"]
    wanted = sorted(digests) if params.align.groups is None else sorted(set(params.align.groups))
    unknown = [group for group in wanted if group not in digests]
    if unknown:
        raise AlignmentError(
            f"align.groups names groups that are not in the tables: {listed(unknown, _MOST_LISTED)}.",
            [f"the tables have the groups {listed(sorted(digests), _MOST_LISTED)}"],
        )
    return {group: digests[group] for group in wanted}


def _check_tables(root: Path, tables: Path, sources: Mapping[str, Any], groups: Iterable[str]) -> None:
    """Raise FormatError, with all faults, unless the tables of the groups have the digests of the manifest."""
    due = {
        tables / source["groups"][group]["file"]: source["groups"][group]["digest"]
        for group in groups
        for source in sources.values()
        if group in source["groups"]
    }
    digests = FileDigests.of_workspace(root)
    found = digests.digest_all([path for path in due if path.is_file()])
    digests.save()
    faults = [
        damage_text(path) if path in found else f"{path} is missing: run the stage `ingest` again."
        for path, digest in due.items()
        if found.get(path) != digest
    ]
    if len(faults) == 1:
        raise FormatError(faults[0])
    if faults:
        raise FormatError(f"{len(faults)} tables in {tables} cannot be used.", faults)


def _explain_no_sequence(results: Sequence[PackedGroup], tables: Path, params: Params) -> Iterator[str]:
    for result in results[:_MOST_LISTED]:
        lost = ", ".join(
            f"{count:,} {reason.replace('_', ' ')}" for reason, count in _dropped(result.counts).items()
        )
        yield f"{result.group}: {counted(result.counts['series'], 'series')}, {counted(result.counts['steps'], 'step')} ({lost})"
    if not any(result.counts["steps"] for result in results) and (
        params.align.from_ is not None or params.align.until is not None
    ):
        yield "no step of these groups lies between align.from and align.until: correct these, or set them to null"
    in_gaps = [result.group for result in results if result.counts["steps_in_gaps"]]
    for group in in_gaps[:_MOST_EXPLAINED]:
        yield from _explain_gaps(group, list(ending_inputs(tables, params, group)), params)


def _explain_gaps(group: str, ending: Sequence[tuple[Input, float]], params: Params) -> Iterator[str]:
    """Suggest remedies for the inputs that are missing at most steps, or else for the input missing most often."""
    usually_missing = [(missing, share) for missing, share in ending if share >= _USUALLY_MISSING]
    for missing, share in usually_missing or ending[:1]:
        role = params.raw.sources[missing.sources[0]].role
        remedies = ["set align.gaps.longer=indicator", f"leave it out of align.features.{role}"]
        if role == "forecast" and share < 1:
            remedies.append("set interpolate on its source to fill the steps between coarser timestamps")
        yield (
            f"{group}: at {share:.1%} of the steps, {missing.name} (source {' or '.join(missing.sources)}) has no value "
            f"known at the origin, and align.gaps.longer=end ends sequences there. If its cells and its known rule "
            f"are right, {', or '.join(remedies)}"
        )


def _check_coverage(results: Sequence[PackedGroup], least: float) -> None:
    # in a group without steps in the range there is nothing that a source could cover
    short = [
        f"group {result.group}, source {source}: {share:.1%} of {counted(result.covered_steps, 'step')}"
        for result in results
        for source, share in result.coverage.items()
        if share < least and result.covered_steps
    ]
    if short:
        raise AlignmentError(
            f"Too few steps have a vintage that was known at their origin: pack.min_coverage requires {least:.1%} in each "
            "group. Check known, the zones and align.origin, leave groups out (align.groups), or set a lower share.",
            short,
        )


def _total_coverage(results: Sequence[PackedGroup], source: str) -> float | None:
    """Return the share over all groups in which the source has rows."""
    parts = [
        (result.coverage[source], result.covered_steps) for result in results if source in result.coverage
    ]
    steps = sum(weight for _, weight in parts)
    return sum(share * weight for share, weight in parts) / steps if steps else None


def _dropped(counts: Mapping[str, int]) -> dict[str, int]:
    reasons = ("without_origin", "in_gaps", "without_target", "too_short")
    return {reason: counts[f"steps_{reason}"] for reason in reasons}
