"""The refitted network serves while it rests on the judged one; it takes effect at once or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.serve.serving_folder import POINTER, SERVING, point_to, serving_network


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("models", "serving/a", "serving/b", "serving/c"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "model.keras").write_text(folder, encoding="utf-8")
    return tmp_path


def test_without_a_refit_the_judged_network_serves(project: Path) -> None:
    found = serving_network(project)
    assert (found.folder, found.until, found.note) == (project / "models", None, "")


def test_the_refitted_network_serves_until_the_judged_one_is_another(project: Path) -> None:
    point_to(project, "a", 5, digest_of_file(project / "models/model.keras"))
    assert serving_network(project).folder == project / "serving/a"
    assert serving_network(project).until == 5
    (project / "models/model.keras").write_text("trained again", encoding="utf-8")
    found = serving_network(project)
    assert found.folder == project / "models"
    assert "rests on another network" in found.note


def test_it_serves_where_the_judged_network_is_not_present(project: Path) -> None:
    point_to(project, "a", 5, digest_of_file(project / "models/model.keras"))
    (project / "models/model.keras").unlink()
    assert serving_network(project).folder == project / "serving/a"


def test_the_network_before_stays_beside_it_and_older_ones_go(project: Path) -> None:
    judged = digest_of_file(project / "models/model.keras")
    point_to(project, "a", 1, judged)
    (project / "serving/b").mkdir(exist_ok=True)
    point_to(project, "b", 2, judged)
    assert sorted(each.name for each in (project / SERVING).iterdir() if each.is_dir()) == ["a", "b"]
    (project / "serving/c").mkdir()
    point_to(project, "c", 3, judged)
    assert sorted(each.name for each in (project / SERVING).iterdir() if each.is_dir()) == ["b", "c"]


def test_a_damaged_pointer_is_an_error(project: Path) -> None:
    (project / POINTER).write_text("{}", encoding="utf-8")
    with pytest.raises(FormatError, match=r"serving\.json"):
        serving_network(project)
