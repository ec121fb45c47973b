"""The certificate that nothing was used before it was known: all checks of `proof`, and their verdict as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hindcast.pipeline.certify.check_borders import check_borders
from hindcast.pipeline.certify.check_distance import check_distances
from hindcast.pipeline.certify.check_inputs import check_rows
from hindcast.pipeline.certify.check_origins import check_issued, check_origins
from hindcast.pipeline.certify.check_rebuild import check_rebuilt
from hindcast.pipeline.certify.check_samples import check_lists
from hindcast.pipeline.certify.check_scaler import check_scaler
from hindcast.pipeline.certify.check_tables import check_files, check_tables
from hindcast.pipeline.certify.check_targets import check_apart, check_embargo
from hindcast.pipeline.certify.findings import Findings
from hindcast.pipeline.certify.iterate import NAMES
from hindcast.pipeline.errors import FormatError, LeakError
from hindcast.pipeline.files import digest_of_file, read_json, write_json
from hindcast.pipeline.progress import progress
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.split.scaler import FORMAT as SCALER_FORMAT
from hindcast.pipeline.split.write_splits import shards_digest
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import span_text

FORMAT = "hindcast-leaks/1"

_MOST_LINES = 6  # examples a kind in the error; leaks.json names more


def certify(data: Path, params: Params) -> dict[str, Any]:
    """Check `tables/`, `packed/`, `dataset.h5` and `scaler.json` in the folder `data`; the content of leaks.json.

    It names what it vouches for: the data set's fingerprint, and the SHA-256 of dataset.h5, scaler.json and all shards.
    Raises FormatError or MissingInputError where a file cannot be read at all.
    """
    file, scaler, tables = data / "dataset.h5", data / "scaler.json", data / "tables"
    fitted = read_json(scaler)
    if not isinstance(fitted, dict) or fitted.get("format") != SCALER_FORMAT:
        raise FormatError(f"{scaler} must be of format {SCALER_FORMAT}: run the stage `scale` again.")
    with Dataset(file) as dataset:
        found = _run(
            [
                lambda: [check_files(dataset, data / "packed", params)],
                lambda: [check_borders(dataset, params.split, params.seed)],
                lambda: [check_lists(dataset, params.split, params.seed)],
                lambda: [check_apart(dataset, params.split)],
                lambda: [check_embargo(dataset, params.split)],
                lambda: [check_distances(dataset, params)],
                lambda: [check_issued(dataset, params)],
                lambda: [check_origins(dataset, params)],
                lambda: [check_scaler(dataset, fitted, params.scale)],
                lambda: check_tables(tables, params, sorted(set(map(str, dataset.sequences.group)))),
                lambda: check_rows(dataset, tables, params),
                lambda: [check_rebuilt(dataset, tables, params)],
            ]
        )
        fingerprint, overlap = dataset.fingerprint, _overlap(dataset)
    return {
        "format": FORMAT,
        "passed": all(findings.passed for findings in found),
        "fingerprint": fingerprint,
        "dataset_digest": digest_of_file(file),
        "scaler_digest": digest_of_file(scaler),
        "shards_digest": shards_digest(list((data / "packed").glob("*.h5"))),
        "checks": [findings.as_json() for findings in found],
        "overlap": overlap,
        "sources": {name: _declaration(params, name) for name in params.raw.sources},
    }


def write_certificate(path: Path, certificate: dict[str, Any]) -> None:
    """Write leaks.json, whatever the verdict, so that no older one vouches for files that it has not seen; then
    raise LeakError with the offending rows if it did not pass.
    """
    write_json(path, certificate)
    if not certificate["passed"]:
        faults = []
        for check in certificate["checks"]:
            if check["violations"]:
                faults.append(
                    f"{check['name']}: {check['violations']:,} against the rule that {check['rule']}"
                )
                faults += [f"{check['name']}: {example}" for example in check["examples"][:_MOST_LINES]]
        raise LeakError(
            f"Something was used before it was known, so nothing may be trained; see {path}.", faults
        )


def lines_of(certificate: dict[str, Any]) -> Iterator[str]:
    """A line a check: rows and the tightest margin; then how the sources' moments are known."""
    for check in certificate["checks"]:
        margin = check["tightest_margin_ns"]
        nearest = "" if margin is None else f", nearest {span_text(margin)}"
        yield f"{check['name']}: {check['rows_checked']:,} rows{nearest}"
    for split, overlap in certificate["overlap"].items():
        yield (
            f"accepted: inputs of {overlap['reaching']:,} of {overlap['samples']:,} samples of {split} reach the other side"
        )
    for source, declaration in certificate["sources"].items():
        yield f"known moments of {source} are {declaration['known']}"


def _overlap(dataset: Dataset) -> dict[str, dict[str, int]]:
    """What `random` and `blocked` accept, as the kind `distance` has counted it too."""
    splits = [dataset.split(name) for name in NAMES if name in dataset.splits]
    return {
        split.name: {
            "samples": len(split.indices),
            "reaching": split.attributes["overlap_count"],
            "reach_ns": split.attributes["reach_ns"],
        }
        for split in splits
        if {"overlap_count", "reach_ns"} <= split.attributes.keys()
    }


def _run(checks: list[Callable[[], list[Findings]]]) -> list[Findings]:
    found = []
    with progress("certify", len(checks), "checks") as advance:
        for check in checks:
            found += check()
            advance(1)
    return found


def _declaration(params: Params, source: str) -> dict[str, Any]:
    rule = params.raw.sources[source].known
    return {"known": "stamped" if rule.stamped else "declared", "rule": rule.model_dump(mode="json")}
