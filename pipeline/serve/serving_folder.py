"""Which network serves: the one that `refit` fitted, while it rests on the network in `models/`; else that one.

`serving/serving.json` names the folder below `serving/` that holds the refitted network. It is one small file, so that a refit takes effect
at once or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.files import digest_of_file, read_json, write_json

SERVING = Path("serving")
POINTER = SERVING / "serving.json"
FORMAT = "hindcast-serving/1"
NETWORK = "model.keras"


@dataclass(frozen=True)
class ServingNetwork:
    """The folder of the network that serves; `until` is the moment (ns UTC) up to which it was refitted, None for `models/`.

    `note` says why a refitted network is not used; empty if there is nothing to say.
    """

    folder: Path
    until: int | None = None
    note: str = ""


def serving_network(root: Path) -> ServingNetwork:
    """Return the network that serves in a project folder.

    A refitted network rests on the evaluation of the network in `models/`. If that one was trained again since then, it is used itself.
    Raises FormatError if `serving.json` is damaged.
    """
    judged = root / "models"
    if not (root / POINTER).is_file():
        return ServingNetwork(judged)
    pointer = read_pointer(root)
    if (judged / NETWORK).is_file() and digest_of_file(judged / NETWORK) != pointer["rests_on"]:
        return ServingNetwork(
            judged,
            note=f"{root / SERVING} rests on another network than the one in {judged}, which is used: run `hindcast refit` again",
        )
    return ServingNetwork(root / SERVING / pointer["folder"], pointer["until"])


def read_pointer(root: Path) -> dict[str, Any]:
    """Read `serving.json`. Raises MissingInputError or FormatError if it is missing or damaged."""
    pointer = read_json(root / POINTER)
    if not isinstance(pointer, dict) or pointer.get("format") != FORMAT:
        raise FormatError(f"{root / POINTER} is not of format {FORMAT}: run `hindcast refit` again.")
    return pointer


def point_to(root: Path, folder: str, until: int, rests_on: str) -> None:
    """Let the network in `serving/<folder>` serve from now on; those before it stay, since records of forecasts name them."""
    pointer = {"format": FORMAT, "folder": folder, "until": until, "rests_on": rests_on}
    write_json(root / POINTER, pointer)


def folder_of_network(root: Path, digest: str) -> Path:
    """Return the folder that holds the network whose file has a digest: `models/`, or one below `serving/`; `models/` if none does."""
    folders = [root / "models", *sorted((root / SERVING).glob("*/"))]
    found = (
        each for each in folders if (each / NETWORK).is_file() and digest_of_file(each / NETWORK) == digest
    )
    return next(found, folders[0])
