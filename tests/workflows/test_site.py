"""The site that `make site` built, in a browser without a network, on a desktop and on a phone."""

from __future__ import annotations

import html
import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tools.docs_site import check

pytestmark = pytest.mark.workflow

SCRIPT = """<script>addEventListener("load", () => setTimeout(() => { document.body.append(Object.assign(
  document.createElement("samp"), {id: "measured", textContent: JSON.stringify({
    width: innerWidth, scroll: document.documentElement.scrollWidth,
    requests: performance.getEntriesByType("resource").map(e => e.name),
    images: [...document.images].filter(i => i.clientWidth).map(i => [i.naturalWidth, i.clientWidth])})})) }, 500))</script>"""
PAGES = (
    "index.html",
    "getting-started/index.html",
    "point-in-time/index.html",
    "notebooks/look/index.html",
    "reference/settings/index.html",
    "reference/commands/index.html",
    "reference/interface/index.html",
    "data/index.html",
)


@pytest.fixture(scope="module")
def site(root: Path) -> Path:
    """The folder of the built site."""
    folder = root / "build/site"
    if not (folder / "index.html").is_file():
        pytest.skip("there is no site: `make site` builds it, and `make ci` does so before these tests")
    return folder


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    assert check(site) == 0


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site on loopback: of files, a browser does not list which ones a page loads."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("width", [500, 1300])
def test_a_browser_shows_a_page_without_a_request_elsewhere_or_horizontal_scrolling(
    page: str, width: int, site: Path, address: str, tmp_path: Path
) -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:  # .ci/run installs one
        pytest.skip("there is no browser on this machine")
    measured = measure(browser, site, address, page, width, tmp_path)
    outside = [name for name in measured["requests"] if not name.startswith((address, "data:", "blob:"))]
    assert outside == []
    assert len(measured["requests"]) >= 3  # its own styles and scripts
    assert measured["scroll"] <= measured["width"]
    assert [
        natural for natural, shown in measured["images"] if not natural or shown > measured["width"]
    ] == []
    assert measured["images"] or page not in {"point-in-time/index.html", "notebooks/look/index.html"}


def measure(browser: str, site: Path, address: str, page: str, width: int, folder: Path) -> dict[str, Any]:
    """What a browser makes of a page, measured by a script that only a copy beside it has."""
    copy = (site / page).with_name(f"measured-{width}-{folder.name}.html")
    text = (site / page).read_text(encoding="utf-8")
    copy.write_text(text.replace("</body>", f"{SCRIPT}</body>"), encoding="utf-8")
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={folder / 'profile'}",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--window-size={width},900",
        "--virtual-time-budget=5000", "--dump-dom",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            [browser, *flags, address + copy.relative_to(site).as_posix()],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
            cwd=folder,
        )
    finally:
        copy.unlink()
    dom = done.stdout.partition('id="measured">')[2].partition("</samp>")[0]
    found: dict[str, Any] = json.loads(html.unescape(dom))
    return found
