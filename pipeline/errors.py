"""The errors that a user can get: each names the thing, the rule, the value found and the remedy."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NOTHING = re.compile(r"(\bfound )None(?:Type)?\b")  # a null or a missing entry, as Python writes it


class HindcastError(Exception):
    """A mistake that the user can fix.

    `summary` says what was being attempted; `faults` are all faults found, one sentence each.
    A stage prints both without a traceback and exits 1.
    """

    def __init__(self, summary: str, faults: Sequence[str] = ()) -> None:
        super().__init__(summary, tuple(faults))
        self.summary, *others = (_NOTHING.sub(r"\1nothing", text) for text in (summary, *faults))
        self.faults = tuple(others)

    def __str__(self) -> str:
        return "\n".join([self.summary, *(f"  - {fault}" for fault in self.faults)])

    def __reduce__(self) -> tuple[type[HindcastError], tuple[str, tuple[str, ...]]]:
        return type(self), (self.summary, self.faults)


class SettingsError(HindcastError, ValueError):
    """A setting is unknown, has the wrong type or violates a rule."""


class MissingInputError(HindcastError, FileNotFoundError):
    """A file or folder that a stage reads is missing."""


class RawDataError(HindcastError, ValueError):
    """Raw files violate their description in the `raw` section."""


class AlignmentError(HindcastError, ValueError):
    """The rows of the tables cannot be turned into the steps that the `align` section describes."""


class FormatError(HindcastError, OSError):
    """A table, shard or data set is damaged, has another format, or does not match the others."""


class SplitError(HindcastError, ValueError):
    """A split has an empty part or violates the distance it must keep."""


class LeakError(HindcastError, ValueError):
    """Something was used before it was known."""


class TrainingError(HindcastError, RuntimeError):
    """Training cannot continue: a checkpoint of another training, a loss that is not finite, a missing device."""


class ContinuityError(TrainingError):
    """A lane's sample does not continue the previous one, so carried state would be wrong."""


class WorkerError(HindcastError, RuntimeError):
    """A worker process or a cluster ended, does not answer, or differs from this process."""


class VersionError(HindcastError, RuntimeError):
    """Other code of hindcast is installed than the one that a project's results belong to."""


class ProjectError(HindcastError, RuntimeError):
    """A project cannot be made here: its name, its place, git or DVC."""


class BusyError(HindcastError, RuntimeError):
    """Another run of the same stage is using this workspace, or another program a file of it."""
