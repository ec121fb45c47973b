"""Verification of a whole workspace: data set, scaler, tables, certificate, models and reports, all by their digests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from hindcast.pipeline.certify.covered_files import find_certificate_faults, find_manifest_fault
from hindcast.pipeline.digests import FileDigests, find_folder_faults
from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.files import read_json
from hindcast.pipeline.store.verify import Verified, verify
from hindcast.pipeline.tables import MANIFEST, QUALITY, damage_text, find_quality_fault, read_manifest

_REPORTS = ("ingest.json", "quality.json", "pack.json", "run.json")


def verify_workspace(data: Path) -> Verified:
    """Verify the data set in the folder `data`, its tables, and the certificate, models and reports beside the folder.

    What is missing is not checked, except the data set itself. Raises FormatError with all faults.
    """
    return verify(data, partial(_find_faults, data))


def _find_faults(data: Path, fingerprint: str | None) -> Iterator[str]:
    """Yield the faults of all files but the data set, whose fingerprint is None if it could not be read."""
    root, digests = data.resolve().parent, FileDigests()
    if data.name:  # messages name the files as the user did
        root = data.parent
    leaks, tables, models = root / "reports/leaks.json", data / "tables", root / "models"
    checks: list[Callable[[], Iterable[str]]] = []
    if tables.is_dir():
        checks.append(lambda: _table_faults(tables, digests))
    if leaks.is_file() and fingerprint is not None:
        checks.append(
            lambda: find_certificate_faults(leaks, data, fingerprint or "", digests, from_bytes=True)
        )
        if (tables / MANIFEST).is_file():
            checks.append(lambda: find_manifest_fault(leaks, tables, digests))
    if (root / QUALITY).is_file():
        checks.append(lambda: filter(None, [find_quality_fault(root)]))
    if models.is_dir():
        checks.append(lambda: find_folder_faults(models, "train"))
        checks += [partial(_json_faults, models / name) for name in ("model.json", "history.json")]
    checks += [
        partial(_json_faults, root / "reports" / name)
        for name in _REPORTS
        if (root / "reports" / name).is_file()
    ]
    for check in checks:
        try:
            yield from check()
        except HindcastError as fault:
            yield fault.summary.removesuffix(".")


def _json_faults(path: Path) -> Iterator[str]:
    read_json(path)
    yield from ()


def _table_faults(tables: Path, digests: FileDigests) -> Iterator[str]:
    sources = read_manifest(tables)["sources"].values()
    due = {
        tables / entry["file"]: entry["digest"] for source in sources for entry in source["groups"].values()
    }
    found = digests.compute_all([path for path in due if path.is_file()])
    for path, digest in due.items():
        if path not in found:
            yield f"{path} is missing: run the stage `ingest` again"
        elif found[path] != digest:
            yield damage_text(path).removesuffix(".")
