"""What the checks of each group found, kept in `.hindcast/cache/certify.json`: groups with the same inputs are not checked again.

A result belongs to the bytes of the group's shard and to a digest of everything else that its checks read: the bytes of its tables,
its part of dataset.h5, the settings, the code and the libraries. All files are read and hashed in each run, and what is kept is
saved only after they were found unchanged at its end. Only groups without a violation are kept. The file may be removed at any time.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Flags, Ints
from hindcast.pipeline.certify.group_findings import GroupFindings, GroupItem, items_of
from hindcast.pipeline.certify.iterate import samples_of
from hindcast.pipeline.files import code_digest, digest_of_file, digest_of_value
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.kept_answers import AnswersOfParts, KeptAnswers
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.tables import read_manifest

KEPT = "certify.json"
"""The file of `.hindcast/cache`."""

_CODE = ("*.py", "settings/**/*.py", "align/**/*.py", "store/**/*.py", "split/**/*.py", "certify/**/*.py")
_LIBRARIES = ("h5py", "hdf5plugin", "holidays", "numpy", "pandas", "pyarrow", "pydantic", "tzdata")

_OF_WHOLE = (
    "fingerprint",
    "sample_count",
    "step_count",
)  # fields of the header that no check of a group reads


def kept_around(packed: Path) -> KeptAnswers:
    """Return what is kept in the workspace in which the folder `data/packed` lies; nothing outside a workspace."""
    code = digest_of_value([sys.version, code_digest(_CODE, _LIBRARIES)])
    return KeptAnswers.around(packed, KEPT, code)


@dataclass(frozen=True)
class _Place:
    """Where the results of a group are kept: the digest of its shard (None: nowhere, as its samples lie in several shards or in
    another one), and a digest of the settings and of what dataset.h5 says about its steps, with a space.
    """

    digest: str | None
    reading: str


class KeptGroups:
    """The kept results of the groups of an open data set, whose shards have the given digests of their bytes."""

    def __init__(
        self, kept: KeptAnswers, digests: Mapping[Path, str], dataset: Dataset, tables: Path, params: Params
    ) -> None:
        self._kept, self._dataset, self._tables, self._params = kept, dataset, tables, params
        self._digests = {path.absolute(): digest for path, digest in digests.items()}
        self._places: dict[str, _Place] = {}

    def find_all(self, items: Sequence[GroupItem], limits: Any) -> list[GroupFindings | None]:
        """Return the results of groups; None if none is kept, or if a table has not the bytes that the manifest records.

        `limits` is a JSON-like value of what the checks of every group take from other groups.
        """
        values = [self._find(item, self._checks(item, limits)) for item in items]
        known = [item.group if value else None for item, value in zip(items, values, strict=True)]
        with ThreadPoolExecutor() as pool:  # in parallel: all bytes are hashed
            is_same = pool.map(lambda group: group is not None and self._are_tables_same(group), known)
            return [
                GroupFindings.from_plain(value, self._params) if same else None
                for value, same in zip(values, is_same, strict=True)
            ]

    def add(self, item: GroupItem, limits: Any, found: GroupFindings) -> None:
        """Keep the results of a group, if no row violates a rule."""
        value = found.plain()
        if value is not None:
            self._add(item, self._checks(item, limits), value)

    def ask(
        self, items: Iterable[GroupItem], question: Callable[[Dataset, Ints], Any], arguments: Any
    ) -> list[Any]:
        """Return `question(dataset, rows)` for the rows of each group, computed unless it is kept; see `check_targets.AskGroups`."""
        named = f"{question.__name__} {digest_of_value(arguments)}"
        answers = []
        for item in items:
            answer = self._find(item, self._reading(item) + named)
            if answer is None:
                answer = question(self._dataset, item.rows)
                self._add(item, self._reading(item) + named, answer)
            answers.append(answer)
        return answers

    def of_shards(self) -> AnswersOfParts | None:
        """Return the kept answers of the shards, in their order; None unless each group has exactly one, of its own."""
        items = items_of(self._dataset, {})
        places = [self._place(item) for item in items]
        digests = [place.digest for place in places if place.digest is not None]
        paths = [self._path(row) for row in range(len(self._dataset.shards))]
        if len(digests) < len(items) or [item.shards[0] for item in items] != paths:
            return None
        return AnswersOfParts(self._kept, digests, [place.reading for place in places])

    def _find(self, item: GroupItem, question: str) -> Any:
        digest = self._place(item).digest
        return None if digest is None else self._kept.find_answer(digest, question)

    def _add(self, item: GroupItem, question: str, answer: Any) -> None:
        digest = self._place(item).digest
        if digest is not None:
            self._kept.add_answer(digest, question, answer)

    def _path(self, row: int) -> Path:
        return self._dataset.path.absolute().parent / str(self._dataset.shards.file[row])

    def _are_tables_same(self, group: str) -> bool:
        """Return whether the tables of a group have the bytes that the manifest records."""
        return all(
            (path := self._tables / entry["file"]).is_file() and digest_of_file(path) == entry["digest"]
            for _, entry in self._entries(group)
        )

    def _entries(self, group: str) -> list[tuple[str, Mapping[str, Any]]]:
        sources = sorted(read_manifest(self._tables)["sources"].items())
        return [(source, entry["groups"][group]) for source, entry in sources if group in entry["groups"]]

    def _checks(self, item: GroupItem, limits: Any) -> str:
        """Return the name under which the results of the checks of a group are kept."""
        samples = samples_of(self._dataset, item.rows)
        splits = [
            [
                *(name, split.from_time, split.until_time, split.intervals, split.attributes.get("policy")),
                _digest_of_flags(_listed(split, samples)),
            ]
            for name, split in ((name, self._dataset.split(name)) for name in self._dataset.splits)
        ]
        sampled = [
            [int(np.searchsorted(item.rows, row)), places] for row, places in sorted(item.sampled.items())
        ]
        parts = [self._entries(item.group), splits, sampled, bool(item.rows[0] == 0), limits]
        return f"{self._reading(item)}checks {digest_of_value(parts)}"

    def _reading(self, item: GroupItem) -> str:
        return self._place(item).reading

    def _place(self, item: GroupItem) -> _Place:
        if item.group not in self._places:
            self._places[item.group] = self._find_place(item)
        return self._places[item.group]

    def _find_place(self, item: GroupItem) -> _Place:
        table, shards, rows = self._dataset.sequences, self._dataset.shards, item.rows
        samples, first = samples_of(self._dataset, rows), int(table.first_sample[rows[0]])
        at = np.unique(np.searchsorted(shards.first_sample, samples, side="right") - 1)
        columns = [
            _digest_of(getattr(of, column.name)[chosen], first if column.name == "first_sample" else 0)
            for of, chosen in ((table, rows), (shards, at))
            for column in fields(of)
        ]
        is_own = len(item.shards) == 1 and [*map(self._path, at.tolist())] == [*item.shards]
        digest = self._digests.get(item.shards[0]) if is_own else None
        return _Place(digest, digest_of_value([self._common, item.group, columns]) + " ")

    @cached_property
    def _common(self) -> str:
        params = self._params
        header = {
            name: value for name, value in asdict(self._dataset.header).items() if name not in _OF_WHOLE
        }
        sections = {"seed", "raw", "align", "pack", "split", "scale"}
        settings = params.model_dump(mode="json", include=sections)
        return digest_of_value([header, settings, params.train.lookback, params.train.missing_runs])


def _listed(split: Split, samples: Ints) -> Flags:
    """Flag the samples that a split lists, found as `iterate.scored_in` finds them."""
    at = np.searchsorted(split.indices, samples)
    listed: Flags = np.append(split.indices, -1)[at] == samples
    return listed


def _digest_of_flags(flags: Flags) -> str:
    return f"{len(flags)} {hashlib.sha256(np.packbits(flags).tobytes()).hexdigest()}"


def _digest_of(column: npt.NDArray[Any], counted_from: int) -> str:
    if column.dtype.kind in "iu":
        numbers = np.ascontiguousarray(column - counted_from, "<i8")
        return hashlib.sha256(numbers.tobytes()).hexdigest()
    return digest_of_value([str(name) for name in column])
