"""What the command `sweep` does: read the combinations, run them under the sweep's lock, and describe what came of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hindcast.pipeline.arrays import usable_cpus
from hindcast.pipeline.experiments.combinations import (
    Combination,
    compose_combinations,
    name_experiments,
    read_settings,
)
from hindcast.pipeline.experiments.committed_state import Baseline, read_baseline, refuse_uncommitted
from hindcast.pipeline.experiments.recorded_experiments import (
    list_experiments,
    scores_of,
    settings_of,
    text_of,
)
from hindcast.pipeline.experiments.run_sweep import Sweep, default_jobs, free_memory
from hindcast.pipeline.experiments.shared_stages import inputs_of_stages, plan_segments
from hindcast.pipeline.experiments.sweep_journal import FAILED, RECORDED, Journal, hold_sweep
from hindcast.pipeline.experiments.sweep_table import Row, best_first, results_table
from hindcast.pipeline.experiments.worktrees import SharedCache, Worktrees
from hindcast.pipeline.files import digest_of_value
from hindcast.pipeline.wording import counted, listed

_MOST_COMPARED = 12  # experiments in the hint


@dataclass(frozen=True)
class Outcome:
    """Lines for the user on the results of a sweep, and whether a combination failed."""

    lines: list[str]
    failed: bool


@dataclass(frozen=True)
class BegunSweep:
    """A sweep whose combinations are known and allowed, before anything runs."""

    baseline: Baseline
    name: str
    combinations: Sequence[Combination]

    def described(self) -> list[str]:
        """Return a line for each combination, with the name of its experiment, and one for stages that run once for several."""
        journal = Journal.open(self.baseline.root, self.name, self.baseline.revision)
        taken = {digest: entry.experiment for digest, entry in journal.entries.items()}
        names = name_experiments(self.name, self.combinations, taken)
        found = list_experiments(self.baseline)
        lines = [f"sweep {self.name}: {counted(len(self.combinations), 'combination')}"]
        for each in self.combinations:
            known = found.get(names[each.digest])
            is_recorded = known is not None and settings_of(self.baseline, known) == each.digest
            state = "  (recorded)" if is_recorded else ""
            lines.append(f"  {each.label}  ->  {names[each.digest]}{state}")
        dvc_yaml = (self.baseline.root / "dvc.yaml").read_text(encoding="utf-8")
        for part in plan_segments(dvc_yaml, self.combinations):
            if not part.is_end:
                lines.append(f"once for {len(part.combinations)} combinations: {listed(part.stages, 12)}")
        return lines

    def run(self, jobs: int | None, report: Callable[[str], None]) -> Outcome:
        """Run the sweep. Raises HindcastError if git lacks changes that it would need, BusyError if it is running already.

        After a KeyboardInterrupt, the last line reported says how to continue.
        """
        with hold_sweep(self.baseline.root, self.name) as descriptor:
            refuse_uncommitted(self.baseline, *self._inputs())
            journal = Journal.open(self.baseline.root, self.name, self.baseline.revision)
            journal.add(list(self.combinations))
            cache = SharedCache.of_project(self.baseline.root)
            chosen = jobs or default_jobs(len(self.combinations), usable_cpus(1 << 10), free_memory())
            trees = Worktrees(self.baseline, journal.folder / "trees", cache)
            sweep = Sweep(self.baseline, self.combinations, journal, trees, chosen, report, descriptor)
            try:
                complete = sweep.run()
            except KeyboardInterrupt:
                recorded = sum(journal.entries[each.digest].state == RECORDED for each in self.combinations)
                report(
                    f"stopped: {recorded} of {counted(len(self.combinations), 'combination')} recorded. The same command continues; what is "
                    "recorded does not run again, and a training that was stopped resumes."
                )
                raise
            return Outcome(list(self._results(journal, cache.folder)), not complete)

    def _inputs(self) -> tuple[set[str], set[str]]:
        """Return the paths that stages depend on: code, and raw data."""
        dvc_yaml = (self.baseline.root / "dvc.yaml").read_text(encoding="utf-8")
        raw = {os.path.normpath(str(each.values["raw"]["path"])): each.values for each in self.combinations}
        needed = {path for values in raw.values() for path in inputs_of_stages(dvc_yaml, values)}
        return needed - raw.keys(), needed & raw.keys()

    def _results(self, journal: Journal, cache: Path) -> Iterator[str]:
        found = list_experiments(self.baseline)
        rows = []
        for each in self.combinations:
            entry = journal.entries[each.digest]
            known = found.get(entry.experiment)
            lock = text_of(self.baseline, known, "dvc.lock") if known is not None else None
            rows.append(Row(each.label, entry.experiment, entry.state, scores_of(lock, cache)))
        yield ""
        yield from results_table(rows)
        failed = [journal.entries[each.digest] for each in self.combinations]
        for entry in failed:
            if entry.state == FAILED:
                yield f"failed: {entry.label}; its log: {entry.log}"
        if any(entry.state == FAILED for entry in failed):
            yield "The same command runs what failed again, and nothing else."
        names = best_first(rows)[:_MOST_COMPARED]
        if len(names) > 1:
            yield f"Which differences are real: hindcast compare {' '.join(names)}"


def begin_sweep(
    root: Path, words: Sequence[str], name: str | None, report: Callable[[str], None]
) -> BegunSweep:
    """Read and check the combinations of a sweep; `report` receives notes. Raises HindcastError with all faults.

    Without a name, the sweep is named after its commit and settings, so that the same command continues the same sweep.
    """
    baseline = read_baseline(root)
    combinations, notes = compose_combinations(baseline.root, read_settings(baseline.root, words))
    for note in notes:
        report(note)
    if any(each.values.get("train", {}).get("bits") == "fast" for each in combinations):
        report(
            "train.bits is fast: weights depend on the number of threads, which --jobs changes; TF_NUM_INTRAOP_THREADS fixes it."
        )
    digest = digest_of_value([baseline.revision, sorted(each.digest for each in combinations)])
    return BegunSweep(baseline, name or f"sweep-{digest[:6]}", combinations)
