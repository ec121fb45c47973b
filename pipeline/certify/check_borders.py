"""Kind `borders`: the splits begin and end where the settings and the span of observed targets say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hindcast.pipeline.certify.findings import Findings
from hindcast.pipeline.certify.iterate import NAMES, Trio, trios
from hindcast.pipeline.settings.split import Blocked, Chronological, RollingOrigin, SplitSettings
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text

_OfTime = Chronological | RollingOrigin | Blocked

Range = tuple[int, int, int]
"""(0 train, 1 validation, 2 test; start; stop)."""


def check_borders(dataset: Dataset, settings: SplitSettings, seed: int) -> Findings:
    """The ranges of each split against those that are due. Training and validation may end earlier, or begin later where
    blocks are held out, because they keep their distance; `embargo` and `distance` look at that.
    """
    found = Findings("borders", "the splits begin and end where the settings and the span of targets say")
    if not isinstance(settings, _OfTime):
        found.rule = (
            f"{settings.policy} has no borders in time: `split_lists` looks at whose samples they are"
        )
        return found
    for trio in trios(dataset, settings):
        found.looked_at(sum(len(split.spans) for split in trio.splits))
        for fault in _faults(trio, due_ranges(dataset, settings, seed, trio.fold), settings):
            found.blame(fault)
    return found


def due_ranges(dataset: Dataset, settings: _OfTime, seed: int, fold: int | None) -> list[Range]:
    """The ranges that a policy of time gives to the splits before any distance is kept, in the order of time."""
    if isinstance(settings, Blocked):
        return _blocks(dataset, settings, seed)
    step, last_end = dataset.frequency, _end_of_steps(dataset)
    end = dataset.last_target_time + step
    span = end - dataset.first_target_time
    first = int(dataset.sequences.start_time.min())
    if isinstance(settings, RollingOrigin):
        number = settings.chosen if fold is None else fold
        begin, validation, test, stop = _of_fold(settings, number, Fraction(end), span)
        if number == settings.folds - 1:
            stop = Fraction(max(end, last_end))
        if number == 0 or settings.window == "expanding":
            begin = Fraction(min(first, dataset.first_target_time))
        edges = [_up(moment, step) for moment in (begin, validation, test, stop)]
    else:
        edges = _of_shares(settings, end, span, step, last_end)
        edges = [min(first, edges[0]), *edges]
    return [(number, edges[number], edges[number + 1]) for number in range(3)]


def _of_shares(settings: Chronological, end: int, span: int, step: int, last_end: int) -> list[int]:
    """Where validation and test begin, and the end."""

    def before(border: Any, base: Fraction) -> Fraction:  # a share, or a date in ns
        return base - Fraction(str(border)) * span if isinstance(border, float) else Fraction(border)

    test = before(settings.test, Fraction(end))
    validation = _up(before(settings.validation, test), step)
    stop = max(end, last_end, _up(test, step))
    of_test = _up(test, step) if settings.test else stop
    return [validation if settings.validation else of_test, of_test, stop]


def _of_fold(settings: RollingOrigin, number: int, end: Fraction, span: int) -> list[Fraction]:
    length = {name: Fraction(str(getattr(settings, name))) * span for name in ("validation", "test")}
    test = end - length["test"] * (settings.folds - number)
    validation = test - length["validation"]
    shortest = span - length["test"] * settings.folds - length["validation"]
    return [validation - shortest, validation, test, test + length["test"]]


def _blocks(dataset: Dataset, settings: Blocked, seed: int) -> list[Range]:
    begin, end = dataset.first_target_time, dataset.last_target_time + dataset.frequency
    length = settings.block.ns
    count, rest = divmod(end - begin, length)
    count = max(1, count + (2 * rest >= length))
    wanted = []
    for share in (settings.validation, settings.test):
        wanted.append(max(1, round(Fraction(str(share)) * count)) if share else 0)
    pieces = sum(wanted)
    in_order = sorted(range(pieces), key=lambda piece: _drawn(seed, "part", piece))
    owners = [0] * count
    for piece in range(pieces):
        low, high = piece * count // pieces, (piece + 1) * count // pieces
        chosen = low + _drawn(seed, "block", piece) % (high - low)
        owners[chosen] = 1 if in_order.index(piece) < wanted[0] else 2
    made: list[Range] = []
    for number, owner in enumerate(owners):
        start, stop = begin + number * length, begin + (number + 1) * length
        if made and made[-1][0] == owner:
            made[-1] = (owner, made[-1][1], stop)
        else:
            made.append((owner, start, stop))
    made[0] = (made[0][0], min(begin, int(dataset.sequences.start_time.min())), made[0][2])
    made[-1] = (made[-1][0], made[-1][1], max(end, _end_of_steps(dataset)))
    return made


def _faults(trio: Trio, due: list[Range], settings: SplitSettings) -> Iterator[str]:
    for number, split in enumerate(trio.splits):
        mine = [(start, stop) for owner, start, stop in due if owner == number and start < stop]
        ranges = [(start, stop) for start, stop in split.spans if start < stop]
        for start, stop in ranges:
            begins_later = isinstance(settings, Blocked) and number == 0
            around = [one for one in mine if one[0] <= start and stop <= one[1]]
            if (
                not around
                or (start != around[0][0] and not begins_later)
                or (number == 2 and stop != around[0][1])
            ):
                yield f"{trio.label}{split.name.rpartition('/')[2]} is [{time_text(start)}, {time_text(stop)}), due is {_words(mine)}"
        if number == 2 and len(ranges) != len(mine):
            yield f"{trio.label}test has {len(ranges)} ranges, due are {len(mine)}: {_words(mine)}"
        edges = [edge for one in split.intervals for edge in one]
        if any(after <= before for before, after in pairwise(edges)):
            yield f"{trio.label}{NAMES[number]}: its intervals do not ascend, apart from one another: {_words(mine)} are due"
        outer = (split.from_time, split.until_time)
        if outer != (split.spans[0][0], split.spans[-1][1]):
            yield f"{trio.label}{NAMES[number]}: its from_time and until_time are not those of its intervals"


def _words(ranges: list[tuple[int, int]]) -> str:
    return ", ".join(f"[{time_text(start)}, {time_text(stop)})" for start, stop in ranges[:4]) or "nothing"


def _drawn(seed: int, word: str, number: int) -> int:
    text = "\0".join((str(seed), word, str(number)))
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


def _end_of_steps(dataset: Dataset) -> int:
    table = dataset.sequences
    return int((table.start_time + table.step_count * dataset.frequency).max())


def _up(moment: Fraction, step: int) -> int:
    whole, rest = divmod(moment, step)
    return int(whole + (rest > 0)) * step
