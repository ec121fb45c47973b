"""The documents of the repository as pages of the site: where each page lies, and its links seen from there."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]

PLACES = {
    "docs/index.md": "index.md",
    "README.md": "overview.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
    "data/README.md": "data.md",
    "docs/decisions/README.md": "decisions/index.md",
}
"""Documents whose place on the site is another one than below docs/."""

NOTEBOOKS = "docs/notebooks"
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
_CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_DARK = "(prefers-color-scheme: dark)"


def documents(root: Path = ROOT) -> dict[str, str]:
    """Return the place on the site of each document, by its path in the repository."""
    paths = [root / name for name in PLACES if (root / name).is_file()]
    paths += [*root.glob("docs/**/*.md"), *root.glob(f"{NOTEBOOKS}/*.ipynb")]
    names = sorted({path.relative_to(root).as_posix() for path in paths})
    return {name: PLACES.get(name) or _below_docs(name) for name in names}


def page_text(name: str, text: str, places: dict[str, str]) -> str:
    """Return the text of a document as a page: links lead to pages and pictures of the site.

    A link to a file that is no page (code, a workflow) becomes its text, since the site contains no code. A picture has a form for
    light and one for dark pages.
    """
    here = PurePosixPath(places[name])

    def replaced(match: re.Match[str]) -> str:
        mark, label, target = match.groups()
        path, anchor, fragment = target.partition("#")
        if "://" in target or not path or target.startswith("mailto:"):
            return match[0]
        found = os.path.normpath(PurePosixPath(name).parent / path)
        if mark and found.startswith(f"{NOTEBOOKS}/plots/"):  # made when the notebook ran, beside its page
            return match[0]
        if mark and found.startswith("docs/images/"):
            picture = _relative(found.removeprefix("docs/"), here)
            return "".join(f"![{label}]({variant}#only-{kind})" for kind, variant in _variants(picture))
        place = places.get(found) or places.get(f"{found}/README.md")
        return f"{mark}[{label}]({_relative(place, here)}{anchor}{fragment})" if place else label

    return "".join(
        part if number % 2 else _LINK.sub(replaced, part) for number, part in enumerate(_split_code(text))
    )


def picture_variants(name: str, text: str) -> dict[str, str]:
    """Return the file names and contents of a picture for light and for dark pages.

    The picture follows the reader's system by itself; the page has a switch of its own, so each form is fixed.
    """
    if not name.endswith(".svg"):
        raise ValueError(f"pictures of the documents must be SVG, found {name}")
    fixed = {"light": text.replace(_DARK, "not all"), "dark": text.replace(_DARK, "all")}
    return {variant: fixed[kind] for kind, variant in _variants(name)}


def _variants(picture: str) -> list[tuple[str, str]]:
    stem = picture.removesuffix(".svg")
    return [(kind, f"{stem}-{kind}.svg") for kind in ("light", "dark")]


def _split_code(text: str) -> list[str]:
    """Split a text at its code: parts with odd numbers are code. A link may have code in its label, so such code stays with it."""
    parts, kept = _CODE.split(text), [""]
    for number, part in enumerate(parts):
        if number % 2 and part.startswith("```"):
            kept += [part, ""]
        else:
            kept[-1] += part
    return kept


def _below_docs(name: str) -> str:
    return name.removeprefix("docs/").replace(".ipynb", ".md")


def _relative(place: str, here: PurePosixPath) -> str:
    return PurePosixPath(os.path.relpath(place, here.parent)).as_posix()
