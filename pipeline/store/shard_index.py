"""What joining needs of a shard: its header, its sequences and the size of its chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np

from hindcast.pipeline.store.file_header import Header, read_header
from hindcast.pipeline.store.index_tables import read_table
from hindcast.pipeline.store.index_types import Sequences
from hindcast.pipeline.store.open_files import dataset_in, open_to_read, version_of


@dataclass(frozen=True)
class ShardIndex:
    """The index of the shard at `path`; `version` changes if the file is replaced."""

    path: Path
    version: tuple[int, int, int]
    header: Header
    sequences: Sequences
    chunk_samples: int

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the index; raise MissingInputError or FormatError if the shard is missing, damaged or of another format."""
        with open_to_read(path) as file:
            version = version_of(path.stat())
            header = read_header(file, path)
            sequences = read_table(file, "sequences", Sequences, path)
            chunks = dataset_in(file, "X", path).chunks or (1,)
        return cls(path, version, header, sequences, int(chunks[0]))

    def plain(self) -> dict[str, Any]:
        """Return the index as a JSON-like value, from which `from_plain` makes it again."""
        return {
            "header": asdict(self.header),
            "sequences": {
                column.name: getattr(self.sequences, column.name).tolist()
                for column in fields(self.sequences)
            },
            "chunk_samples": self.chunk_samples,
        }

    @classmethod
    def from_plain(cls, value: Mapping[str, Any], path: Path) -> Self:
        """Return the index of the shard at `path` from the value of `plain`."""
        header: dict[str, Any] = {
            name: tuple(item) if isinstance(item, list) else item for name, item in value["header"].items()
        }
        columns = {
            name: np.array(column, object if name in {"group", "series"} else np.int64)
            for name, column in value["sequences"].items()
        }
        version = version_of(path.stat())
        return cls(path, version, Header(**header), Sequences(**columns), value["chunk_samples"])
