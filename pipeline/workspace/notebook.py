"""How a workspace and its plots look at a prompt and in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import counted, listed, printable, time_text
from hindcast.pipeline.workspace.stage_outputs import OUTPUTS

_MOST_NAMES = 6


@dataclass(frozen=True)
class Plot:
    """A plot in a file; a notebook shows it."""

    path: Path

    def _repr_svg_(self) -> str:
        return self.path.read_text(encoding="utf-8")


def describe_text(folder: Path) -> str:
    """Describe a workspace in lines: its folder, its data set, the outputs that are there and those that are missing."""
    lines = [f"hindcast workspace {folder.absolute()}", *_dataset_lines(folder)]
    for name, (stage, holds), exists in _outputs(folder):
        lines.append(f"  {name}: {holds}" if exists else f"  {name}: missing, written by `{stage}`")
    return printable("\n".join(lines), keep="\n")


def describe_html(folder: Path) -> str:
    """Describe a workspace as HTML; every text is escaped."""
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(holds)}</td>"
        f"<td>{'yes' if exists else f'missing, written by <code>{escape(stage)}</code>'}</td></tr>"
        for name, (stage, holds), exists in _outputs(folder)
    )
    facts = "".join(f"<li>{escape(printable(line.strip()))}</li>" for line in _dataset_lines(folder))
    return (
        f"<div><b>hindcast workspace</b> <code>{escape(printable(str(folder.absolute())))}</code><ul>{facts}</ul>"
        f"<table><tr><th>output</th><th>holds</th><th>present</th></tr>{rows}</table></div>"
    )


def _outputs(folder: Path) -> Iterator[tuple[str, tuple[str, str], bool]]:
    for name, entry in OUTPUTS.items():
        yield name, entry, (folder / name).exists()


def _dataset_lines(folder: Path) -> list[str]:
    path = folder / "data" / "dataset.h5"
    if not path.is_file():
        return []
    try:
        with Dataset(path, check_shards=False) as dataset:
            splits = [dataset.split(name) for name in dataset.splits if "/" not in name]
            table = dataset.sequences
            series = len(set(zip(table.group.tolist(), table.series.tolist(), strict=True)))
            size = f"{counted(len(set(table.group.tolist())), 'group')}, {counted(series, 'series')}"
            features = f"{counted(len(dataset.features), 'feature')}: {listed(dataset.features, _MOST_NAMES)}"
            return [
                f"  {size}, {counted(dataset.step_count, 'step')} in {counted(dataset.sample_count, 'sample')}",
                f"  targets: {listed(dataset.targets, _MOST_NAMES)}; {features}",
                *(
                    f"  {split.name}: {counted(len(split.indices), 'sample')}, scored from "
                    f"{time_text(split.from_time)} until {time_text(split.until_time)}"
                    for split in splits
                ),
            ]
    except HindcastError as fault:  # what a prompt shows must not fail
        return [f"  {line}" for line in str(fault).splitlines()]
