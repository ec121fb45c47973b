"""The documentation site: the documents of the repository, executed notebooks, and pages that are generated from the code.

    make site                                        # everything; the result is build/site/index.html
    python -m tools.docs_site pages build/site-pages # only the pages that mkdocs reads
    python -m tools.docs_site check build/site       # whether a built site loads anything from elsewhere

`pages` runs the stages on small simulated data for the notebooks, which takes half a minute.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.docs_commands import commands_page
from tools.docs_interface import interface_page
from tools.docs_notebooks import notebook_page, run_notebook
from tools.docs_pages import NOTEBOOKS, ROOT, documents, page_text, picture_variants
from tools.docs_settings import settings_page

STAGES = ("simulate", "ingest", "pack", "split", "scale", "certify", "train", "evaluate")
SMALL = (
    "simulate.games=2",
    "simulate.customers=4",
    "simulate.days=90",
    "train.units=[16]",
    "train.epochs=6",
    "train.lanes=16",
)
"""The settings of the run that the notebooks open."""

GENERATED = {
    "reference/settings.md": settings_page,
    "reference/commands.md": commands_page,
    "reference/interface.md": interface_page,
}
RECORDS = "docs/decisions/README.md"
_TAG = re.compile(
    r"<(?:link|script|img|iframe|source|video|audio|embed|object|use|image)\b[^>]*>", re.IGNORECASE
)
_OUTSIDE = re.compile(
    r"""\b(?:src|href|data|srcset)\s*=\s*["']?\s*((?:https?:)?//[^"'\s>]+)""", re.IGNORECASE
)
_IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?\s*((?:https?:)?//[^"')\s]+)""", re.IGNORECASE)
_ONLY_LINKS = re.compile(r"""\brel=["']?(?:canonical|prev|next|edit)\b""", re.IGNORECASE)  # nothing is loaded


def main() -> int:
    """Run the action that the command line names; return the exit code."""
    parser = argparse.ArgumentParser(description="The pages of the documentation site.")
    parser.add_argument("action", choices=["pages", "check"])
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    if options.action == "check":
        return check(options.folder)
    with tempfile.TemporaryDirectory(prefix="hindcast-site-") as temporary:
        workspace = Path(temporary)
        run_stages(workspace)
        write_pages(options.folder, workspace)
    return 0


def run_stages(folder: Path) -> None:
    """Run all stages on small simulated data in an empty folder."""
    (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    changes = [word for setting in SMALL for word in ("--set", setting)]
    for stage in STAGES:
        done = subprocess.run(
            [sys.executable, "-m", f"hindcast.stages.{stage}", *changes],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"The stage {stage} failed for the notebooks:\n{done.stdout}{done.stderr}")


def write_pages(folder: Path, workspace: Path) -> None:
    """Write all pages and pictures to a folder, which is emptied first; notebooks are run in `workspace`."""
    shutil.rmtree(folder, ignore_errors=True)
    places = documents()
    for name, place in places.items():
        if name.startswith(f"{NOTEBOOKS}/"):
            cells = run_notebook(ROOT / name, workspace)
            text = notebook_page(cells, workspace, folder / "notebooks/plots" / Path(name).stem)
        else:
            text = (ROOT / name).read_text(encoding="utf-8")
            text += _records() if name == RECORDS else ""
        _write(folder / place, page_text(name, text, places))
    for path in sorted((ROOT / "docs/images").glob("*.svg")):
        for variant, text in picture_variants(path.name, path.read_text(encoding="utf-8")).items():
            _write(folder / "images" / variant, text)
    for path in sorted((ROOT / "docs/theme").glob("*.css")):
        _write(folder / "theme" / path.name, path.read_text(encoding="utf-8"))
    for place, make in GENERATED.items():
        _write(folder / place, make())


def check(site: Path) -> int:
    """Print what the pages of a built site would load from elsewhere; return 1 if there is anything, or no page."""
    pages = sorted(site.rglob("*.html"))
    found = [
        f"{path.relative_to(site)}: {address}" for path in pages for address in loaded_from_elsewhere(path)
    ]
    found += [
        f"{path.relative_to(site)}: {address}"
        for path in sorted(site.rglob("*.css"))
        for address in _IN_STYLE.findall(path.read_text(encoding="utf-8"))
    ]
    print("\n".join(found) if found else f"{len(pages)} pages load nothing from elsewhere.")
    return int(bool(found) or not pages)


def loaded_from_elsewhere(page: Path) -> list[str]:
    """Return the addresses of other hosts that a page loads: scripts, styles, fonts, pictures; not those that it links to."""
    text = page.read_text(encoding="utf-8")
    tags = [tag for tag in _TAG.findall(text) if not _ONLY_LINKS.search(tag)]
    return [address for tag in tags for address in _OUTSIDE.findall(tag)] + _IN_STYLE.findall(text)


def _records() -> str:
    """Return the list of all decisions, which a git host shows as the files of the folder."""
    paths = sorted((ROOT / RECORDS).parent.glob("0*.md"))
    titles = [path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for path in paths]
    return "\n## All records\n\n" + "".join(
        f"- [{title}]({path.name})\n" for title, path in zip(titles, paths, strict=True)
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
