"""What a data set must show before anything is trained on it."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import LeakError, MissingInputError
from pipeline.files import digest_of_file, read_json


def check_certificate(path: Path, fingerprint: str, dataset: Path, scaler: Path) -> None:
    """Raise unless the certificate at `path` was passed by the data set of that fingerprint, and by these very files.

    A border moved in `dataset` or a `scaler` fitted again after it was certified leaves the fingerprint as it was;
    their digests tell.
    """
    if not path.exists():
        raise MissingInputError(
            f"{path} is absent: training needs the certificate that stage certify writes; run it first."
        )
    content = read_json(path)
    certificate = content if isinstance(content, dict) else {}
    if certificate.get("fingerprint") != fingerprint:
        raise LeakError(
            f"{path} certifies another data set ({certificate.get('fingerprint')!r}, but this one is {fingerprint!r}): "
            "run stage certify again."
        )
    if certificate.get("passed") is not True:
        raise LeakError(
            f"{path} says that this data set leaks: see what it lists, mend it and run stage certify again."
        )
    for name, file in (("dataset_digest", dataset), ("scaler_digest", scaler)):
        if certificate.get(name) != digest_of_file(file):
            raise LeakError(f"{file} is not the file that {path} certifies: run stage certify again.")
