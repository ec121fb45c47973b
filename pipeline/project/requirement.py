"""How a project names the version of hindcast that is installed here: by a commit, an address with a hash, or a wheel file of its own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from hindcast.pipeline.project.installed_wheel import make_wheel

WHEELS = "wheels"
"""The folder of a project that holds the wheel, if there is one."""

_EXTRA = "[train]"


@dataclass(frozen=True)
class Requirement:
    """`line` stands in requirements.txt; `wheel` is the name and the content of the file in `wheels/` that it names, if it does."""

    line: str
    wheel: tuple[str, bytes] | None = None


def installed_requirement(installed: Distribution | None = None) -> Requirement:
    """Return what installs the same hindcast elsewhere, derived from how it was installed here.

    | installed from | the requirement |
    | --- | --- |
    | an address of git | the same address and commit |
    | a file at an http(s) address | the same address, with the SHA-256 of the file |
    | a wheel file that is still here | a copy of the file in `wheels/`, with its SHA-256 |
    | anything else: an index, a folder, a file that is gone | a wheel made of the installed files, in `wheels/`, with its SHA-256 |

    It names no path of this machine and no password. Raises MissingInputError if the installed files are incomplete.
    """
    installed = installed or distribution("hindcast")
    origin: dict[str, Any] = json.loads(installed.read_text("direct_url.json") or "{}")
    address, commit = _without_password(origin.get("url", "")), origin.get("vcs_info")
    digest = _digest_of(origin)
    if commit and not address.startswith("file:"):
        folder = f"#subdirectory={origin['subdirectory']}" if origin.get("subdirectory") else ""
        return Requirement(f"hindcast{_EXTRA} @ {commit['vcs']}+{address}@{commit['commit_id']}{folder}")
    if digest and address.startswith(("http://", "https://")):
        return Requirement(f"hindcast{_EXTRA} @ {address} --hash=sha256:{digest}")
    name, content = _kept_wheel(address, digest) or make_wheel(installed)
    hashed = hashlib.sha256(content).hexdigest()
    return Requirement(f"./{WHEELS}/{name}{_EXTRA} --hash=sha256:{hashed}", (name, content))


def _digest_of(origin: dict[str, Any]) -> str:
    """Return the SHA-256 of the archive in direct_url.json, in either way that pip has written it; empty if there is none."""
    archive = origin.get("archive_info") or {}
    kind, _, older = str(archive.get("hash") or "").partition("=")
    return str((archive.get("hashes") or {}).get("sha256") or (older if kind == "sha256" else ""))


def _kept_wheel(address: str, digest: str) -> tuple[str, bytes] | None:
    """Return the name and the content of a wheel file on this machine if it has the digest."""
    path = Path(unquote(urlsplit(address).path))
    if not address.startswith("file:") or path.suffix != ".whl" or not path.is_file():
        return None
    content = path.read_bytes()
    return (path.name, content) if hashlib.sha256(content).hexdigest() == digest else None


def _without_password(address: str) -> str:
    """Remove a user with a password or token from an address; the user of ssh alone stays."""
    parts = urlsplit(address)
    user, _, host = parts.netloc.rpartition("@")
    if not user or (parts.scheme == "ssh" and ":" not in user):
        return address
    return parts._replace(netloc=host).geturl()
