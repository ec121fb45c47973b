"""What a stage read from the shards, kept in a file of `.hindcast/cache` for its next run.

An entry belongs to the bytes of one shard. The file may be removed at any time; no byte of an output depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hindcast.pipeline.digests import keep_checked, read_checked
from hindcast.pipeline.store.shard_index import ShardIndex

_CACHE = Path(".hindcast/cache")


class KeptAnswers:
    """The index and the answers of each shard, by the digest of its bytes; threads may share it."""

    def __init__(self, path: Path | None, code: str) -> None:
        """Read what the last run kept in the file `path`; None: nothing is read or saved.

        What other code kept is dropped: `code` is the digest of the code that answers, and of its libraries.
        """
        self._path, self._code = path, code
        self._old = self._read()
        self._new: dict[str, dict[str, Any]] = {}

    @classmethod
    def around(cls, packed: Path, name: str, code: str) -> KeptAnswers:
        """Return what is kept in the file `name` of the workspace in which the folder `data/packed` lies."""
        root = packed.absolute().parent.parent
        return cls(root / _CACHE / name if (root / _CACHE.parts[0]).is_dir() else None, code)

    def find_index(self, digest: str, path: Path) -> ShardIndex | None:
        """Return the index of the shard at `path`, whose bytes have this digest; None if it is not kept."""
        kept = self._old.get(digest)
        return None if kept is None else ShardIndex.from_plain(kept["index"], path)

    def add_index(self, digest: str, index: ShardIndex) -> None:
        """Keep the index of a shard."""
        self._entry(digest)["index"] = index.plain()

    def find_answer(self, digest: str, question: str) -> Any:
        """Return the answer of a shard to a question; None if it is not kept."""
        answer = self._old.get(digest, {}).get("answers", {}).get(question)
        if answer is not None:
            self.add_answer(digest, question, answer)
        return answer

    def add_answer(self, digest: str, question: str, answer: Any) -> None:
        """Keep the answer of a shard to a question, a JSON-like value that is not None."""
        self._entry(digest)["answers"][question] = answer

    def save(self) -> None:
        """Write what this run used; the rest is dropped."""
        if self._path is not None and self._new != self._old:
            keep_checked(self._path, self._path.name, {"code": self._code, "shards": self._new})

    def _entry(self, digest: str) -> dict[str, Any]:
        return self._new.setdefault(digest, {"answers": {}})

    def _read(self) -> Mapping[str, dict[str, Any]]:
        kept = None if self._path is None else read_checked(self._path, self._path.name)
        if not isinstance(kept, dict) or kept.get("code") != self._code:
            return {}
        shards: dict[str, dict[str, Any]] = kept["shards"]
        return shards


class AnswersOfParts:
    """The kept answers of the shards of one data set, by their number; `readings` says, for each, as what it was read."""

    def __init__(self, kept: KeptAnswers, digests: Iterable[str], readings: Iterable[str] = ()) -> None:
        self._kept, self._digests = kept, list(digests)
        self._readings = list(readings) or [""] * len(self._digests)

    def find(self, part: int, question: str) -> Any:
        """Return the answer of a shard to a question; None if it is not kept."""
        return self._kept.find_answer(self._digests[part], self._readings[part] + question)

    def add(self, part: int, question: str, answer: Any) -> None:
        """Keep the answer of a shard."""
        self._kept.add_answer(self._digests[part], self._readings[part] + question, answer)
