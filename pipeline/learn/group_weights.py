"""Weights as HDF5 after each group, where training goes from series to series."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.files import file_name, replaced_file
from hindcast.pipeline.learn.history import Logs


class GroupWeights:
    """Writes the twin's weights whenever the last series of a group was fitted; a later pass replaces them.

    `groups` holds the group of each series in the order of their turns; where there are none, nothing is written. The files wait in `folder`, which outlives a
    killed process, until `hand_over`.
    """

    def __init__(self, folder: Path, groups: Sequence[str], twin: Any) -> None:
        self._folder, self._groups, self._twin = folder, groups, twin

    def begin(self, epochs: Sequence[Logs]) -> None:
        """Drop what another training left; keep what this one wrote before it was killed."""
        if not epochs:
            shutil.rmtree(self._folder, ignore_errors=True)

    def epoch_ended(self, epoch: int, logs: Logs, network: Any) -> None:
        """Write the weights if this was the group's last series."""
        if not self._groups:
            return
        turn = epoch % len(self._groups)
        group = self._groups[turn]
        if turn + 1 == len(self._groups) or self._groups[turn + 1] != group:
            with replaced_file(self._path(group)) as temporary:
                # Keras insists on the ending
                named = temporary.with_name(f"{temporary.name}.weights.h5")
                try:
                    self._twin.save_weights(named)
                    temporary.write_bytes(named.read_bytes())
                finally:
                    named.unlink(missing_ok=True)

    def hand_over(self, models: Path) -> None:
        """Copy the files of all groups to `weights/` below `models`; TrainingError if somebody removed one."""
        for group in dict.fromkeys(self._groups):
            (models / "weights").mkdir(exist_ok=True)
            path = self._path(group)
            if not path.exists():
                raise TrainingError(
                    f"{path} was removed while the training was interrupted: remove .hindcast/checkpoints and train anew."
                )
            shutil.copyfile(path, models / "weights" / path.name)

    def clear(self) -> None:
        """Remove the files that were handed over."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, group: str) -> Path:
        return self._folder / f"{file_name(group)}.weights.h5"
