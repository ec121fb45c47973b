"""A wheel made of the installed files of hindcast, for a project whose team has no other way to the same version."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

from hindcast.pipeline.errors import MissingInputError

_PACKAGE = Path(__file__).parents[2]  # hindcast/, as imported
_LOCAL = {
    "RECORD",
    "INSTALLER",
    "REQUESTED",
    "WHEEL",
    "direct_url.json",
    "uv_cache.json",
}  # written by installers
_WHEEL = "Wheel-Version: 1.0\nGenerator: hindcast\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_FIRST_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest of a zip file; the same for all files
_READABLE = 0o644 << 16


def make_wheel(installed: Distribution, package: Path = _PACKAGE) -> tuple[str, bytes]:
    """Return the name and the content of a wheel of the package's files with the metadata of its installation.

    Equal files give equal bytes on every machine: without compression, whose bytes depend on the version of zlib. Installed from
    this wheel, hindcast makes the same wheel again. Raises MissingInputError if the metadata is incomplete.
    """
    info = f"{package.name}-{installed.version}.dist-info"
    contents = _package_files(package) | _metadata_files(installed, info)
    contents[f"{info}/WHEEL"] = _WHEEL.encode()
    record = [
        f"{name},sha256={_digest(content)},{len(content)}" for name, content in sorted(contents.items())
    ]
    contents[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(contents.items()):
            member = zipfile.ZipInfo(name, _FIRST_TIME)
            member.external_attr, member.create_system = _READABLE, 3
            archive.writestr(member, content)
    return f"{package.name}-{installed.version}-py3-none-any.whl", whole.getvalue()


def _package_files(package: Path) -> dict[str, bytes]:
    """Return every file of the package by its path below the folder that holds the package; links are followed."""
    return {
        path.relative_to(package.parent).as_posix(): path.read_bytes()
        for folder, _, names in os.walk(package, followlinks=True)
        if "__pycache__" not in Path(folder).parts
        for path in (Path(folder, name) for name in names)
    }


def _metadata_files(installed: Distribution, info: str) -> dict[str, bytes]:
    """Return the metadata that came with the package, not what installers wrote."""
    found = {}
    for path in installed.files or ():
        if path.parts[0].endswith(".dist-info") and path.name not in _LOCAL:
            found["/".join([info, *path.parts[1:]])] = path.read_binary()
    if f"{info}/METADATA" not in found:
        raise MissingInputError(
            f"The installation of hindcast {installed.version} is incomplete (no METADATA in its list of files), so a project cannot "
            "name it: install hindcast again, from a wheel file or an address of git."
        )
    return found


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
