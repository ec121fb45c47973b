"""A comparison as tables and lines, for a terminal, a Markdown file or an HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from hindcast.pipeline.experiments.comparison import Compared, Comparison, Measure, Pair
from hindcast.pipeline.judge.metrics import number_format
from hindcast.pipeline.wording import counted, printable

_VERDICTS = {"better": "better", "worse": "worse", "open": "not proven"}
_KINDS = ("settings", "data", "code", "libraries", "outputs")


@dataclass(frozen=True)
class Block:
    """A heading, then a table if `head` is not empty, then lines."""

    title: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    lines: tuple[str, ...] = ()


def comparison_blocks(comparison: Comparison) -> list[Block]:
    """Return the blocks of a comparison: the runs, a table for each split and target, cost, what differs, what is left out."""
    first = comparison.runs[0]
    runs = tuple((run.name, run.what, run.data_set or "not recorded") for run in comparison.runs)
    blocks = [Block("Runs", ("run", "what it is", "data set"), runs)]
    blocks += list(_score_blocks(comparison))
    blocks.append(_cost_block(comparison.runs))
    blocks += [
        Block(f"{run.name}: what differs from {first.name}", lines=tuple(_difference_lines(run)))
        for run in comparison.runs[1:]
    ]
    if comparison.left_out:
        blocks.append(Block("Not compared", lines=tuple(comparison.left_out)))
    return blocks


def as_text(blocks: Sequence[Block]) -> str:
    """Return blocks as lines for a terminal, with columns of equal width."""
    return "\n".join(line for block in blocks for line in _text_lines(block))


def as_markdown(blocks: Sequence[Block]) -> str:
    """Return blocks as a Markdown document."""
    lines = ["# Comparison of runs", ""]
    for block in blocks:
        lines += [f"## {_marked_down(block.title)}", ""]
        if block.head:
            cells = [block.head, tuple("---" for _ in block.head), *block.rows]
            lines += [f"| {' | '.join(map(_marked_down, row))} |" for row in cells]
            lines.append("")
        lines += [f"- {_marked_down(line)}" for line in block.lines]
        lines += [""] if block.lines else []
    return "\n".join(lines)


def as_html(blocks: Sequence[Block]) -> str:
    """Return blocks as one HTML page without scripts and without anything loaded from elsewhere."""
    parts = [_PAGE]
    for block in blocks:
        parts.append(f"<h2>{_shown(block.title)}</h2>")
        if block.head:
            head = "".join(f"<th>{_shown(cell)}</th>" for cell in block.head)
            rows = "".join(
                f"<tr>{''.join(f'<td>{_shown(cell)}</td>' for cell in row)}</tr>" for row in block.rows
            )
            parts.append(f"<table><tr>{head}</tr>{rows}</table>")
        if block.lines:
            parts.append(f"<ul>{''.join(f'<li>{_shown(line)}</li>' for line in block.lines)}</ul>")
    return "\n".join([*parts, ""])


WRITERS = {".md": as_markdown, ".html": as_html}
"""The writer of a file, by its suffix."""

_PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Comparison of runs</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; }
table { border-collapse: collapse; }
th, td { border-bottom: 1px solid #ddd; padding: 0.3em 1em 0.3em 0; text-align: left; }
</style>
<h1>Comparison of runs</h1>"""


def _score_blocks(comparison: Comparison) -> Iterator[Block]:
    first, pairs = (
        comparison.runs[0],
        {(pair.run, pair.split, pair.target): pair for pair in comparison.pairs},
    )
    parts = dict.fromkeys(
        (split, target) for run in comparison.runs for split, found in run.scores.items() for target in found
    )
    for split, target in parts:
        scores = [run.scores.get(split, {}).get(target, {}) for run in comparison.runs]
        shown = number_format(score.get(name) for score in scores for name in ("mae", "rmse"))
        rows = []
        for run, score in zip(comparison.runs, scores, strict=True):
            pair = pairs.get((run.name, split, target))
            own = (shown(score.get("mae")), shown(score.get("rmse")), f"{score.get('n', 0):,}")
            rows.append((run.name, *own, *_pair_cells(pair, is_first=run is first)))
        against = f"against {first.name} (95 % interval)"
        head = ("run", "MAE", "RMSE", "rows", f"MAE {against}", "", f"RMSE {against}", "")
        found = [pair for key, pair in pairs.items() if key[1:] == (split, target)]
        yield Block(f"{target} on {split}", head, tuple(rows), tuple(map(_rows_line, found)))


def _pair_cells(pair: Pair | None, *, is_first: bool) -> tuple[str, ...]:
    if pair is None:
        return ("" if is_first else "no rows in both", "", "", "")
    cells = ((_change_cell(measure, pair), _VERDICTS[measure.verdict]) for measure in (pair.mae, pair.rmse))
    return tuple(cell for of_measure in cells for cell in of_measure)


def _change_cell(measure: Measure, pair: Pair) -> str:
    """Write by how much the error of a run is higher (+) or lower (-) than that of the first one, with its interval."""
    if not pair.rows:
        return "no rows in both"
    if measure.change is None:
        same = measure.first == measure.second
        return "equal" if same else f"{measure.second:.4g} instead of no error"
    if measure.low is None or measure.high is None:
        bounds = f"{counted(pair.days, 'day')}: too few for an interval"
    else:
        bounds = f"{_percent(measure.high)} to {_percent(measure.low)}"
    return f"{_percent(measure.change)} % ({bounds})"


def _percent(skill: float) -> str:
    """Write a skill as a change of the error in per cent: a skill of 0.1 is -10.0."""
    text = f"{-100 * skill:+.1f}"
    return "0.0" if text in {"+0.0", "-0.0"} else text


def _rows_line(pair: Pair) -> str:
    """Say on how many rows a run is compared with the first one, and which are left out."""
    text = (
        f"{pair.run}: on {counted(pair.rows, 'row')} of {counted(pair.days, 'day')} that both predicted, of {pair.of_first:,} of "
        f"{pair.against} and {pair.of_second:,} of its own"
    )
    if pair.other_actual:
        text += f"; {counted(pair.other_actual, 'row')} left out because the measured values differ"
    if pair.other_origin:
        text += f"; {counted(pair.other_origin, 'row')} of them from another origin, so with other knowledge"
    return f"{text}."


def _cost_block(runs: Sequence[Compared]) -> Block:
    head = ("run", "parameters", "values trained on", "epochs", "best epoch")
    rows = []
    for run in runs:
        cost = run.cost or {}
        best = cost.get("best_epoch")
        numbers = [cost.get(name) for name in ("parameters", "training_values", "epochs")]
        rows.append(
            (
                run.name,
                *("not recorded" if number is None else f"{number:,}" for number in numbers),
                "not recorded" if best is None else f"{best + 1:,}",
            )
        )
    return Block("Cost", head, tuple(rows))


def _difference_lines(run: Compared) -> Iterator[str]:
    assert run.differences is not None
    for kind in _KINDS:
        found = getattr(run.differences, kind)
        if kind == "settings" and len(found) > 1:
            yield f"settings: {counted(len(found), 'setting')}"
            yield from (f"  {line}" for line in found)
        else:
            yield f"{kind}: {'; '.join(found) or 'equal'}"


def _text_lines(block: Block) -> Iterator[str]:
    yield printable(block.title)
    if block.head:
        rows = [tuple(map(printable, row)) for row in (block.head, *block.rows)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(block.head))]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width)
            yield f"  {'  '.join(cells)}".rstrip()
    yield from (f"  {printable(line)}" for line in block.lines)
    yield ""


def _marked_down(text: str) -> str:
    return printable(text).replace("|", "\\|").replace("<", "&lt;")


def _shown(text: str) -> str:
    return escape(printable(text))
