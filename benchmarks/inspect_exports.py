"""How many random exports `hindcast inspect` reads rightly: written from a known truth, inspected, ingested and compared.

    python benchmarks/inspect_exports.py            # 2,000 exports: some minutes
    python benchmarks/inspect_exports.py 200 --from 5000
    python benchmarks/inspect_exports.py --show 17  # one export: its files, questions, proposal, and what differs

An export is right if ingest stores the truth by the proposal alone, asked if it does so after the questions of the proposal
are answered, refused if no proposal is made or a file is not read, and wrong otherwise. The exit code is 1 if an export is wrong,
or if fewer than 95 % are right or asked.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.inspect.export_checks import Outcome, try_export
from tests.inspect.random_exports import draw_export

LEAST = 0.95


def main() -> None:
    parser = argparse.ArgumentParser(description="Random exports, inspected and ingested.")
    parser.add_argument("count", nargs="?", type=int, default=2000, help="number of exports")
    parser.add_argument("--from", dest="first", type=int, default=0, help="first seed")
    parser.add_argument("--show", type=int, help="show one seed")
    parser.add_argument(
        "--list", action="store_true", help="one line for each export that is refused or wrong"
    )
    options = parser.parse_args()
    if options.show is not None:
        show(options.show)
        return
    outcomes: dict[int, Outcome] = {}
    started = time.process_time()
    with suppress(KeyboardInterrupt):  # the figures of those that are done
        for seed in range(options.first, options.first + options.count):
            outcome = outcomes[seed] = try_export(draw_export(seed))
            if options.list and outcome.result in ("refused", "wrong"):
                print(f"{seed}\t{outcome.result}\t{outcome.reason[:200]}", flush=True)
    seconds = (time.process_time() - started) / max(len(outcomes), 1)
    sys.exit(summarize(outcomes, seconds))


def summarize(outcomes: dict[int, Outcome], seconds: float) -> int:
    """Print the table; return the exit code."""
    results = Counter(outcome.result for outcome in outcomes.values())
    print(f"{len(outcomes)} exports, {seconds:.2f} s of processor time each")
    for result in ("right", "asked", "refused", "wrong"):
        print(f"{result:8} {results[result]:5} {results[result] / len(outcomes):7.2%}")
    kinds: dict[tuple[str, str], list[int]] = {}
    for seed, outcome in outcomes.items():
        if outcome.result != "right":
            kinds.setdefault((outcome.result, outcome.kind), []).append(seed)
    for (result, kind), seeds in sorted(kinds.items(), key=lambda item: (item[0][0], -len(item[1]))):
        first = outcomes[seeds[0]].reason[:90]
        print(f"{result:8} {kind:20} {len(seeds):5}  first seeds {', '.join(map(str, seeds[:4]))}  {first}")
    good = results["right"] + results["asked"]
    return int(results["wrong"] > 0 or good < LEAST * len(outcomes))


def show(seed: int) -> None:
    """Print one export and what became of it."""
    export = draw_export(seed)
    print(export.traits)
    print(export.facts[next(iter(export.facts))].dialect)
    for path, content in list(export.files.items())[:4]:
        lines = content.splitlines()
        print(f"--- {path} ({len(lines)} lines)")
        print("\n".join(repr(line)[2:-1][:150] for line in (*lines[:6], *lines[-2:])))
    outcome = try_export(export)
    print(f"\n{outcome.result}: {outcome.reason}\n")
    print("\n".join(outcome.questions))
    print(outcome.text)


if __name__ == "__main__":
    main()
