"""Nothing is trained on a data set that was not certified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import LeakError, MissingInputError
from pipeline.files import write_json
from pipeline.learn.admission import check_certificate


def test_a_passed_certificate_of_this_data_set_admits(tmp_path: Path) -> None:
    write_json(tmp_path / "leaks.json", {"passed": True, "fingerprint": "f"})
    check_certificate(tmp_path / "leaks.json", "f")


def test_an_absent_certificate_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="stage certify"):
        check_certificate(tmp_path / "leaks.json", "f")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"passed": True, "fingerprint": "g"}, "certifies another data set"),
        ({"passed": False, "fingerprint": "f"}, "leaks"),
        ({"passed": "yes", "fingerprint": "f"}, "leaks"),
        ({"fingerprint": "f"}, "leaks"),
        ([], "certifies another data set"),
    ],
)
def test_any_other_certificate_refuses(tmp_path: Path, content: Any, message: str) -> None:
    write_json(tmp_path / "leaks.json", content)
    with pytest.raises(LeakError, match=message):
        check_certificate(tmp_path / "leaks.json", "f")
