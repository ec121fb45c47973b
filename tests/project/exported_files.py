"""Small CSV files as a public platform exports them: the load of countries, and the forecast that was published for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path


def write_exports(folder: Path, countries: tuple[str, ...] = ("AT", "FR"), days: int = 90) -> list[Path]:
    """Write a file of hourly rows for each country; the measured load has a daily and a weekly pattern."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, country in enumerate(countries):
        lines = [
            f"utc_timestamp,{country}_load_actual_entsoe_transparency,{country}_load_forecast_entsoe_transparency"
        ]
        for hour in range(24 * days):
            time = datetime(2024, 1, 1) + timedelta(hours=hour)  # noqa: DTZ001  # written as UTC below
            load = (
                5000 + 900 * number + 40 * abs(12 - time.hour) + 300 * (time.weekday() < 5) + hour * 37 % 101
            )
            lines.append(f"{time:%Y-%m-%dT%H:%M:%SZ},{load}.0,{load + 60 - hour * 53 % 127}.0")
        path = folder / f"{country}_60min.csv"
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")
        files.append(path)
    return files
