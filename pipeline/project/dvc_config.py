"""The configuration of DVC of a project, from all its files: where the cache is, which remotes there are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import MissingInputError, SettingsError

DVC = Path(".dvc")


@dataclass(frozen=True)
class DvcConfig:
    """What DVC's configuration says: its cache, the addresses of its remotes by name, the default remote, its kind of lock."""

    cache: Path
    remotes: dict[str, str]
    default: str | None
    hardlink_lock: bool


def read_dvc_config(root: Path) -> DvcConfig:
    """Read the configuration for the project folder `root`, with the user's and the machine's.

    Raises MissingInputError if the folder has no `.dvc`, and SettingsError if a file of the configuration is not valid.
    """
    if not (root / DVC).is_dir():
        raise MissingInputError(f"{DVC} was not found: this is not a folder of a DVC project.")
    from dvc.config import Config, ConfigError

    try:
        config: dict[str, Any] = Config(dvc_dir=str((root / DVC).resolve()))
    except (ConfigError, OSError) as fault:
        raise SettingsError(
            f"The configuration of DVC is not valid: {' '.join(str(fault).split())}"
        ) from None
    core = config.get("core", {})
    remotes = {name: str(remote.get("url", "")) for name, remote in config.get("remote", {}).items()}
    cache = config.get("cache", {}).get("dir")
    return DvcConfig(
        Path(cache) if cache else root / DVC / "cache",
        remotes,
        core.get("remote"),
        bool(core.get("hardlink_lock")),
    )


def contact_remote(root: Path, name: str) -> bool:
    """Ask the remote of a name whether its place exists; it may take for ever, and raises what DVC and its libraries raise."""
    from dvc.config import Config
    from dvc.fs import get_cloud_fs

    kind, options, place = get_cloud_fs(Config(dvc_dir=str((root / DVC).resolve())), name=name)
    return bool(kind(**options).exists(place))
