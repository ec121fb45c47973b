"""hindcast: forecast and realized series as HDF5 samples, and recurrent networks trained from them.

This module is the public interface; everything else may change between versions. Importing it loads no library:
each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hindcast.pipeline.errors import HindcastError
    from hindcast.pipeline.feed.adapters.keras import KerasStream
    from hindcast.pipeline.feed.adapters.torch import MapDataset
    from hindcast.pipeline.feed.columns import Columns
    from hindcast.pipeline.feed.streams import Lanes, Segments, Windows
    from hindcast.pipeline.learn.custom.build import ModelSpec
    from hindcast.pipeline.learn.online_state import load_state, save_state
    from hindcast.pipeline.settings.params import Params, load_params
    from hindcast.pipeline.store.reader import Dataset
    from hindcast.pipeline.workspace.opened import Workspace
    from hindcast.pipeline.workspace.opened import open_workspace as open  # noqa: A004 (hindcast.open, as others have it)
    from hindcast.pipeline.workspace.opened_forecaster import Forecaster

__all__ = [
    "Columns",
    "Dataset",
    "Forecaster",
    "HindcastError",
    "KerasStream",
    "Lanes",
    "MapDataset",
    "ModelSpec",
    "Params",
    "Segments",
    "Windows",
    "Workspace",
    "__version__",
    "load_params",
    "load_state",
    "open",
    "save_state",
]

_MODULES = {
    "Columns": "feed.columns",
    "Dataset": "store.reader",
    "Forecaster": "workspace.opened_forecaster",
    "HindcastError": "errors",
    "KerasStream": "feed.adapters.keras",
    "Lanes": "feed.streams",
    "MapDataset": "feed.adapters.torch",
    "ModelSpec": "learn.custom.build",
    "Params": "settings.params",
    "Segments": "feed.streams",
    "Windows": "feed.streams",
    "Workspace": "workspace.opened",
    "load_params": "settings.params",
    "load_state": "learn.online_state",
    "open": "workspace.opened",
    "save_state": "learn.online_state",
}

_RENAMED = {"open": "open_workspace"}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name == "__version__":
        from importlib.metadata import version

        return version("hindcast")
    if name not in _MODULES:
        raise AttributeError(f"module 'hindcast' has no attribute {name!r}")
    module = import_module(f"hindcast.pipeline.{_MODULES[name]}")
    value = getattr(module, _RENAMED.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
