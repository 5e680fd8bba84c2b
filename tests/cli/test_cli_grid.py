"""``qa-app grid``, with the real model on the report in corpus/."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from qa_app.cli import main

pytestmark = pytest.mark.model
QUESTIONS = """# What we look into
How are partnerships funded?
Which forces tackle violence against women and girls?
Is artificial intelligence used?
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of the sample report and a list of questions."""
    folder = tmp_path_factory.mktemp("grid")
    shutil.copytree(ROOT / "corpus", folder / "corpus")
    (folder / "framework.txt").write_text(QUESTIONS)
    assert _main(folder, "build", "--corpus", str(folder / "corpus")) == 0
    return folder


def _main(folder: Path, *arguments: str) -> int:
    return main([*arguments, "--index", str(folder / "index")])


def _json(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> Any:
    capsys.readouterr()
    assert _main(folder, "grid", *arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_a_list_of_questions_by_force(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions, out = str(folder / "framework.txt"), str(folder / "grid.xlsx")
    grid = _json(capsys, folder, questions, "--facet", "force", "--out", out)
    assert grid["name"] == "framework by force"
    assert grid["values"] == ["Humberside", "Lincolnshire", "Merseyside", "Surrey"]
    found = {(cell["row"], cell["value"]): cell["quote"] for cell in grid["cells"]}
    assert found[1, "Humberside"].endswith("through multi-year funding agreements.")
    assert found[2, "Merseyside"].startswith("A coordinated approach to tackling violence")
    assert not any(row == 3 for row, _ in found)
    assert (folder / "grid.xlsx").read_bytes()[:2] == b"PK"

    name = ("--name", "framework by force")
    marked = _json(capsys, folder, *name, "--mark", "1", "Humberside", "agreed", "--note", "Yes.")
    assert [(c["row"], c["mark"], c["note"]) for c in marked["cells"] if c["mark"]] == [
        (1, "agreed", "Yes.")
    ]
    # The same again is what is stored, and the terminal shows it.
    assert _main(folder, "grid", questions, "--facet", "force") == 0
    shown = capsys.readouterr().out
    assert "[1] How are partnerships funded?" in shown
    assert "● Humberside, agreed\n    Yes.\n" in shown
    [listed] = _json(capsys, folder, "--list")
    assert listed["cells"] == marked["cells"]
    assert _main(folder, "grid", *name, "--remove") == 0
    assert _json(capsys, folder, "--list") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Which grid?"),
        (["--name", "Mars"], "no grid 'Mars'"),
        (["nowhere.txt", "--facet", "force"], "nowhere.txt cannot be read"),
        (["nowhere.txt"], "needs columns"),
        (["--saved", "--facet", "force"], "no saved questions"),
        (["nowhere.txt", "--saved", "--facet", "force"], "two lists"),
        (["--name", "Mars", "--mark", "1", "Kent", "agreed"], "no row 1"),
        (["--name", "Mars", "--mark", "1", "Kent", "good"], "is no mark"),
        (["--name", "Mars", "--out", "grid.pdf"], "does not say"),
    ],
)
def test_a_wrong_command_says_what_mends_it(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert _main(folder, "grid", *arguments) == 1
    wrong, hint = capsys.readouterr().err.splitlines()
    assert message in wrong
    assert hint.strip()
