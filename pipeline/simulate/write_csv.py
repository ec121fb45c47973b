"""Games and customers from a seed, written as CSV files below `data/simulated`.

A game has a folder: `forecast_weather.csv` (issued every 12 h), `forecast_market.csv` and the operator's own
`forecast_usage.csv` (daily; one column per customer), and `usage_<year>.csv` in local time, as meters write it:
an hour is missing in spring and occurs twice in autumn. Some customers begin late, cells are missing, a few
issues are missing, meters have outages, and a few readings are impossible.
"""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.files import replace_folders
from hindcast.pipeline.progress import progress
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.simulate.games import Game, make_tables


def simulate(params: Params, root: Path) -> dict[str, int]:
    """Write `data/simulated` below `root`; return how many games, customers, files and rows there are.

    Bytes are a function of `seed` and `simulate`; those of a game do not depend on how many others there are.
    """
    counts = {"games": 0, "customers": 0, "files": 0, "rows": 0}
    settings = params.simulate
    with (
        replace_folders(root / "data/simulated") as (fresh,),
        progress("simulate", settings.games, "games") as advance,
    ):
        for number in range(settings.games):
            folder = fresh / f"game_{number + 1:02d}"
            folder.mkdir()
            tables = make_tables(Game.simulate(params.seed, number, settings))
            for name, table in tables.items():
                table.to_csv(folder / name, index=False, na_rep="n/e", lineterminator="\n")
            counts["games"] += 1
            counts["customers"] += settings.customers
            counts["files"] += len(tables)
            counts["rows"] += sum(len(table) for table in tables.values())
            advance(1)
    return counts
