"""Kind `split_lists`: the lists of samples are what the borders say, and nobody's sample is another's."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pipeline.settings.sections import Policy
from pipeline.split.moments import text_of
from pipeline.split.proof.findings import Findings
from pipeline.store.reader import Dataset
from pipeline.store.types import Split

NAMES = ("train", "validation", "test")


def check_lists(dataset: Dataset, policy: Policy = "chronological") -> Findings:
    """Every list ascends, lies inside the data set and shares no sample; the intervals follow one another; and
    each sample stands in the list of the last interval that it reaches, or in none if it lies between two. Where
    series or groups are held out, all samples of one stand in one list instead, whose interval holds them.
    """
    found = Findings(
        "split_lists", "a sample stands in the list of the last split that it reaches, and in no other"
    )
    absent = [name for name in NAMES if name not in dataset.splits]
    if absent:
        found.blame(f"{', '.join(absent)}: absent")
        return found
    splits = [dataset.split(name) for name in NAMES]
    for split in splits:
        for fault in _faults_of_list(split, dataset.sample_count):
            found.blame(fault)
    if policy != "chronological":
        return _held_out(found, dataset, splits, policy)
    for before, after in pairwise(splits):
        if not before.from_time <= before.until_time <= after.from_time <= after.until_time:
            found.blame(
                f"{before.name} ends at {text_of(before.until_time)}, {after.name} begins at {text_of(after.from_time)}"
            )
    if found.passed:
        _compare(found, dataset, splits)
    return found


def _faults_of_list(split: Split, sample_count: int) -> Iterator[str]:
    listed = split.indices.tolist()
    if any(after <= before for before, after in pairwise(listed)):
        yield f"{split.name}: the list does not ascend"
    outside = [sample for sample in listed if not 0 <= sample < sample_count]
    if outside:
        yield f"{split.name}: sample {outside[0]} is none of the {sample_count} samples"


def _compare(found: Findings, dataset: Dataset, splits: list[Split]) -> None:
    owner = np.full(dataset.sample_count, -1)
    for number, split in enumerate(splits):
        for sample in split.indices[owner[split.indices] >= 0].tolist():
            found.blame(f"sample {sample} is listed in {splits[owner[sample]].name} and in {split.name}")
        owner[split.indices] = number
    first, last = _first_and_last_steps(dataset)
    due = np.full(dataset.sample_count, -1)
    for number, split in enumerate(splits):
        reaches = last >= split.from_time
        # what reaches this split but begins after its end lies in its embargo, or belongs to a later one
        due[reaches] = np.where(first[reaches] < split.until_time, number, -1)
    found.looked_at(dataset.sample_count)
    names = [*(split.name for split in splits), "no list"]
    for sample in np.flatnonzero(owner != due).tolist():
        found.blame(
            f"sample {sample}, steps {text_of(int(first[sample]))} to {text_of(int(last[sample]))}, stands in "
            f"{names[owner[sample]]}, belongs in {names[due[sample]]}"
        )


def _held_out(found: Findings, dataset: Dataset, splits: list[Split], policy: Policy) -> Findings:
    found.rule = f"{policy}: every sample stands in one list, and nobody's samples stand in two"
    listed: dict[int, str] = {}
    for split in splits:
        for sample in split.indices.tolist():
            if sample in listed:
                found.blame(f"sample {sample} is listed in {listed[sample]} and in {split.name}")
            listed[sample] = split.name
    intervals = {split.name: (split.from_time, split.until_time) for split in splits}
    first, last = _first_and_last_steps(dataset)
    owners: dict[tuple[str, ...], str] = {}
    table = dataset.sequences
    for row in range(len(table)):
        key = (str(table.group[row]), *([] if policy == "by_group" else [str(table.series[row])]))
        for sample in range(
            int(table.first_sample[row]), int(table.first_sample[row] + table.sample_count[row])
        ):
            found.looked_at()
            name = listed.get(sample, "no list")
            if owners.setdefault(key, name) != name:
                found.blame(
                    f"sample {sample} of {'/'.join(key)} stands in {name}, others of it in {owners[key]}"
                )
            begin, end = intervals.get(name, (0, 0))
            if name == "no list" or not begin <= first[sample] <= last[sample] < end:
                found.blame(
                    f"sample {sample} of {'/'.join(key)} stands in {name}, whose interval does not hold it"
                )
    return found


def _first_and_last_steps(dataset: Dataset) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    first = np.zeros(dataset.sample_count, np.int64)
    last = np.zeros(dataset.sample_count, np.int64)
    table, length, step = dataset.sequences, dataset.segment_length, dataset.frequency
    for row in range(len(table)):
        begin, count, sample = (
            int(table.start_time[row]),
            int(table.step_count[row]),
            int(table.first_sample[row]),
        )
        for place in range(int(table.sample_count[row])):
            first[sample + place] = begin + place * length * step
            last[sample + place] = begin + (min((place + 1) * length, count) - 1) * step
    return first, last
