"""Every command and program that a document shows runs, in the order of the page, as a reader would run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.document_scenarios import PAGES, run_page

pytestmark = pytest.mark.workflow


@pytest.mark.parametrize("page", PAGES, ids=lambda page: Path(page).stem)
def test_what_a_page_shows_runs(page: str, tmp_path: Path) -> None:
    assert run_page(page, tmp_path) > 0
