"""Write figures as SVG: the same bytes on every run, readable on white and black, independent of installed fonts.

A style inside each file sets the colour of text and lines according to the reader's light or dark colour scheme.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hindcast.pipeline.forecasters import FORECASTERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {name: one.colour for name, one in FORECASTERS.items() if one.colour}
MARKERS = {name: one.marker for name, one in FORECASTERS.items() if one.marker}

INK = "#0a0b0c"  # placeholder, replaced by the text colour when the file is written
_STYLE = (
    "<style>svg{color:#1b1f24;background:#ffffff}"
    "@media (prefers-color-scheme:dark){svg{color:#e6e8eb;background:#15181c}}</style>"
)
_SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "hindcast",  # identifiers inside the file depend only on its content
    "svg.fonttype": "none",
    "text.parse_math": False,  # treat a $ in a name literally
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.2,
    "font.size": 10,
    **dict.fromkeys(
        ["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color"], INK
    ),
}


@contextmanager
def figure(width: float = 8.0, height: float = 3.8) -> Iterator[Figure]:
    """Yield an empty figure (size in inches) with the project's style."""
    from matplotlib import rc_context, rcParamsDefault
    from matplotlib.figure import Figure

    # the library's default style, without the settings of a matplotlibrc on this machine
    settings: Any = {**rcParamsDefault, **_SETTINGS}
    for key in ("backend", "backend_fallback"):
        del settings[key]
    with rc_context(settings):
        yield Figure(figsize=(width, height), layout="constrained")


def save_svg(drawn: Figure, path: Path) -> None:
    """Write a figure as SVG, without date or version."""
    text = StringIO()
    with warnings.catch_warnings():
        # the file contains text that the reader's fonts draw, so a glyph missing here does not matter
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font", category=UserWarning)
        drawn.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    head, opening, rest = text.getvalue().partition("<svg ")
    attributes, closing, body = rest.partition(">")
    assert opening
    assert closing
    ink = body.replace(INK, "currentColor")
    path.write_text(
        f"{head.partition('<!DOCTYPE')[0]}<svg {attributes}>\n{_STYLE}{ink}", encoding="utf-8", newline="\n"
    )


def line_style(name: str) -> dict[str, Any]:
    """Return the colour, dashes and label of a forecaster (or of the actual value), the same in every plot."""
    return {
        "color": COLOURS.get(name, INK),
        "linestyle": FORECASTERS[name].dashes if name in FORECASTERS else "-",
        "label": name,
    }


def add_legend(axes: Axes) -> None:
    """Add a legend above the axes, where it covers nothing; none if nothing drawn has a label."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize=9)
