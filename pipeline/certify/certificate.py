"""The certificate that nothing was used before it was known: all checks, and their results as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hindcast.pipeline.certify.check_distance import check_distances
from hindcast.pipeline.certify.check_groups import check_groups
from hindcast.pipeline.certify.check_header import check_header
from hindcast.pipeline.certify.check_inputs import INPUTS, PUBLISHED, TARGETS, TARGETS_AS_INPUTS
from hindcast.pipeline.certify.check_origins import ISSUED, ORIGIN_RULE
from hindcast.pipeline.certify.check_rebuild import REBUILT, check_plan, check_targets_span
from hindcast.pipeline.certify.check_scaler import check_scaler
from hindcast.pipeline.certify.check_splits import check_borders, check_samples
from hindcast.pipeline.certify.check_stamps import KNOWN_EARLY, OFF_GRID
from hindcast.pipeline.certify.check_tables import (
    FILES,
    ISSUE_TIMES,
    KNOWN_RULE,
    check_identity,
    check_shard,
)
from hindcast.pipeline.certify.check_targets import apart_rule, embargo_rule
from hindcast.pipeline.certify.covered_files import covered_digests, digests_of_files
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.iterate import PART_NAMES
from hindcast.pipeline.certify.kept_groups import KeptGroups, kept_around
from hindcast.pipeline.certify.series_parts import TABLES, check_other_tables
from hindcast.pipeline.digests import FileDigests
from hindcast.pipeline.errors import FormatError, LeakError
from hindcast.pipeline.files import write_json
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.scaler_file import read_scaler
from hindcast.pipeline.tables import MANIFEST, read_manifest
from hindcast.pipeline.wording import counted, listed, span_text

FORMAT = "hindcast-leaks/1"

_MOST_LINES = 6  # examples per check in the error; leaks.json names more


def certify(data: Path, params: Params) -> dict[str, Any]:
    """Check `tables/`, `packed/`, `dataset.h5` and `scaler.json` in the folder `data`, and return the content of leaks.json.

    It identifies the files that it covers by the data set's fingerprint and the SHA-256 of dataset.h5, scaler.json and all
    shards. Raises FormatError or MissingInputError if a file cannot be read at all.
    """
    file, scaler, tables = data / "dataset.h5", data / "scaler.json", data / "tables"
    fitted = read_scaler(scaler)
    digests = FileDigests.around(file) or FileDigests()
    of_files = digests_of_files(data, digests, from_bytes=True)
    covered = covered_digests(data, of_files)
    read_manifest(tables)  # names a missing or damaged one
    covered["tables_digest"] = digests.compute(tables / MANIFEST)
    answers = kept_around(data / "packed")
    with Dataset(file, check_shards=False) as dataset:
        kept = KeptGroups(answers, of_files, dataset, tables, params)
        results = _run_checks(dataset, data, fitted, params, kept, covered["shards_digest"])
        fingerprint, overlap = dataset.fingerprint, _overlap(dataset)
    now = covered_digests(data, digests_of_files(data, digests, from_bytes=False))
    if {**now, "tables_digest": digests.digest(tables / MANIFEST)} != covered:
        raise FormatError(
            f"The files in {data} changed while they were checked: run the stage `certify` again."
        )
    answers.save()
    digests.save()
    return {
        "format": FORMAT,
        "passed": all(result.passed for result in results),
        "fingerprint": fingerprint,
        **covered,
        "checks": [result.as_json() for result in results],
        "overlap": overlap,
        "sources": {
            name: {
                "known": "stamped" if source.known.stamped else "declared",
                "rule": source.known.model_dump(mode="json"),
            }
            for name, source in params.raw.table_sources.items()
        },
    }


def write_certificate(path: Path, certificate: dict[str, Any]) -> None:
    """Write leaks.json, passed or not, so that an older certificate is never used for files that it did not check. Then
    raise LeakError with the violating rows if a check failed.
    """
    write_json(path, certificate)
    if not certificate["passed"]:
        faults = []
        for check in certificate["checks"]:
            if check["violations"]:
                faults.append(
                    f"{check['name']}: {counted(check['violations'], 'violation')} of the rule: {check['rule']}"
                )
                faults += [f"{check['name']}: {example}" for example in check["examples"][:_MOST_LINES]]
        edited = [
            text.partition(" is ")[0]
            for check in certificate["checks"]
            if check["name"] == "tables"
            for text in check["examples"]
        ]
        if edited:
            folder = path.parent.parent / "data" / "tables"
            raise LeakError(
                f"{listed([str(folder / file) for file in edited])} changed since ingest, so the data set cannot be checked and "
                "training is refused: run the stages `ingest` to `certify` again.",
                faults,
            )
        raise LeakError(
            "The data set breaks rules, so training is refused: files do not belong together, or values were used before they "
            "were known. Run the stages that the lines below name, or else `pack` to `certify` again, as files may be older than the "
            f"tables or settings; for violations that remain in {path}, correct the `known` rules or align.origin first.",
            faults,
        )


def summary_lines(certificate: dict[str, Any]) -> Iterator[str]:
    """Yield one line per check (rows, tightest margin), then one line per source: where its known times come from."""
    for check in certificate["checks"]:
        margin = check["tightest_margin_ns"]
        nearest = "" if margin is None else f", nearest {span_text(margin)}"
        yield f"{check['name']}: {counted(check['rows_checked'], 'row')}{nearest}"
    for split, overlap in certificate["overlap"].items():
        yield (
            f"accepted overlap: {overlap['reaching']:,} of {overlap['samples']:,} samples of {split} have inputs that reach "
            "targets of another split"
        )
    for source, declaration in certificate["sources"].items():
        yield f"known times of {source} are {declaration['known']}"


def _overlap(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Return the overlap that `random` and `blocked` accept; the check `distance` verified these counts."""
    splits = [dataset.split(name) for name in PART_NAMES if name in dataset.splits]
    return {
        split.name: {
            "samples": len(split.indices),
            "reaching": split.attributes["overlap_count"],
            "reach_ns": split.attributes["reach_ns"],
        }
        for split in splits
        if {"overlap_count", "reach_ns"} <= split.attributes.keys()
    }


def _run_checks(  # noqa: PLR0917 - the checks of a whole data set need all of these
    dataset: Dataset, data: Path, scaler: dict[str, Any], params: Params, kept: KeptGroups, shards_digest: str
) -> list[CheckResult]:
    """Run all checks; those that rebuild rows from the tables count only if the tables are those that ingest wrote."""
    tables = data / "tables"
    found = check_groups(dataset, tables, params, kept)
    results, shards = found.results, list(found.shards)
    joined = {dataset.path.parent / str(file) for file in dataset.shards.file}
    for path in sorted({*(data / "packed").glob("*.h5")} - joined):
        shards.append(check_shard(results["files"], path))
    check_identity(results["files"], dataset, shards, shards_digest, params)
    check_other_tables(results["tables"], tables, set(map(str, dataset.sequences.group)))
    whole = [
        check_header(dataset, params),
        check_borders(dataset, params.split, params.seed),
        check_samples(dataset, params.split, params.seed),
        check_distances(dataset, params),
        check_scaler(dataset, scaler, params.scale, found.sums),
    ]
    results |= {result.name: result for result in whole}
    rules, rebuilt = _rules(params), results["rebuilt"]
    if not results["tables"].passed:
        rules = {name: rule for name, rule in rules.items() if name not in _FROM_TABLES}
    else:
        check_targets_span(rebuilt, dataset, found.first_target_time, found.last_target_time)
        if rebuilt.passed:  # else the plan would be made from numbers that differ from the tables
            check_plan(rebuilt, dataset, params, kept.of_shards())
    for name, rule in rules.items():
        results[name].rule = rule or results[name].rule
    return [results[name] for name in rules]


_FROM_TABLES = ("inputs", "targets", "published", "targets_as_inputs", "rebuilt")


def _rules(params: Params) -> dict[str, str]:
    """Return the rules of the checks by name, in the order of the certificate; empty if the check itself sets its rule."""
    return {
        "files": FILES,
        "labels": "",
        "borders": "",
        "split_lists": "",
        "targets_apart": apart_rule(params.split),
        "embargo": embargo_rule(params.split),
        "distance": "",
        "issued": ISSUED,
        "origin_rule": ORIGIN_RULE,
        "scaler": "",
        "tables": TABLES,
        "known_rule": KNOWN_RULE,
        "issue_times": ISSUE_TIMES,
        "off_grid": OFF_GRID,
        "known_early": KNOWN_EARLY,
        "inputs": INPUTS,
        "targets": TARGETS,
        "published": PUBLISHED,
        "targets_as_inputs": TARGETS_AS_INPUTS,
        "rebuilt": REBUILT,
    }
