"""The files that a certificate covers: their digests, and whether the files of a workspace are still those files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hindcast.pipeline.digests import FileDigests, digest_of_shards
from hindcast.pipeline.errors import LeakError, MissingInputError
from hindcast.pipeline.files import read_json
from hindcast.pipeline.store.open_files import check_not_held
from hindcast.pipeline.tables import MANIFEST

_REPACK = "run the stages `pack`, `split`, `scale` and `certify` again, as `dvc repro` does"
_CERTIFY = "run the stage `certify` again"
_SINGLE = {"dataset_digest": "dataset.h5", "scaler_digest": "scaler.json"}


def digests_of_files(data: Path, digests: FileDigests, *, from_bytes: bool) -> dict[Path, str]:
    """Return the digest of each file in the folder `data` that a certificate covers: the data set, the scaler, the shards.

    `from_bytes` reads every file; otherwise a digest recorded for an unchanged file is used. Raises MissingInputError
    if a file is missing or there are no shards.
    """
    shards = sorted((data / "packed").glob("*.h5"))
    if not shards:
        raise MissingInputError(f"{data / 'packed'} has no shards: {_REPACK}.")
    paths = [*(data / name for name in _SINGLE.values()), *shards]
    for path in paths[: len(_SINGLE)]:
        if not path.is_file():
            raise MissingInputError(f"{path} is missing: {_REPACK}.")
    return digests.compute_all(paths) if from_bytes else digests.digest_all(paths)


def covered_digests(data: Path, found: Mapping[Path, str]) -> dict[str, str]:
    """Return the digests as the certificate names them, from those of the files in the folder `data`."""
    single = {data / file for file in _SINGLE.values()}
    return {
        **{name: found[data / file] for name, file in _SINGLE.items()},
        "shards_digest": digest_of_shards({path: found[path] for path in found if path not in single}),
    }


def find_certificate_faults(
    path: Path, data: Path, fingerprint: str, digests: FileDigests, *, from_bytes: bool = False
) -> Iterator[str]:
    """Yield why the certificate at `path` does not cover the files in the folder `data`, each with its remedy.

    A border moved in dataset.h5, a scaler fitted again or a shard edited after certification leaves the fingerprint as
    it was, but changes the file's digest. Raises MissingInputError if a file is missing.
    """
    certificate: Mapping[str, Any] = read_json(path)
    if certificate.get("fingerprint") != fingerprint:
        yield (
            f"{path} certifies another data set ({certificate.get('fingerprint')!r}, but this one is {fingerprint!r}): "
            f"{_CERTIFY}"
        )
        return
    if certificate.get("passed") is not True:
        yield f"{path} reports leaks in this data set: fix the listed violations and {_CERTIFY}"
    found = covered_digests(data, digests_of_files(data, digests, from_bytes=from_bytes))
    for name, file in _SINGLE.items():
        if certificate.get(name) != found[name]:
            yield f"{data / file} is not the file that {path} certifies: {_CERTIFY}"
    if certificate.get("shards_digest") != found["shards_digest"]:
        for shard in sorted((data / "packed").glob("*.h5")):
            check_not_held(shard)
        yield f"The shards in {data / 'packed'} are not those that {path} certifies: {_REPACK}"


def find_manifest_fault(path: Path, tables: Path, digests: FileDigests) -> Iterator[str]:
    """Yield a fault if the certificate at `path` was issued for other tables than those that `tables` lists."""
    certified = read_json(path).get("tables_digest")
    if certified != digests.digest(tables / MANIFEST):
        yield (
            f"{tables / MANIFEST} does not list the tables from which the data set that {path} certifies was packed: {_REPACK}"
        )


def check_certificate(
    path: Path, data: Path, fingerprint: str, digests: FileDigests, *, from_bytes: bool = False
) -> None:
    """Raise unless the certificate at `path` was issued, and passed, for that fingerprint and for these very files.

    LeakError if not; MissingInputError if a file is missing.
    """
    if not path.exists():
        raise MissingInputError(
            f"{path} is missing: only certified data is trained on and scored; run the stage `certify` first."
        )
    faults = list(find_certificate_faults(path, data, fingerprint, digests, from_bytes=from_bytes))
    if len(faults) > 1:
        raise LeakError(f"{path} does not certify the files of this workspace.", faults)
    if faults:
        raise LeakError(f"{faults[0]}.")
