"""The refitted network serves while it rests on the judged one; it takes effect at once or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.serve.serving_folder import POINTER, folder_of_network, point_to, serving_network


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


def test_networks_before_it_stay_and_are_found_by_their_digest(project: Path) -> None:
    judged = digest_of_file(project / "models/model.keras")
    for number, name in enumerate("abc"):
        point_to(project, name, number, judged)
    assert serving_network(project).folder == project / "serving/c"
    for name in ("models", "serving/a", "serving/b", "serving/c"):
        assert folder_of_network(project, digest_of_file(project / name / "model.keras")) == project / name
    assert folder_of_network(project, "0" * 64) == project / "models"


def test_a_damaged_pointer_is_an_error(project: Path) -> None:
    (project / POINTER).write_text("{}", encoding="utf-8")
    with pytest.raises(FormatError, match=r"serving\.json"):
        serving_network(project)
