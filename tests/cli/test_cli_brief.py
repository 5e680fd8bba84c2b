"""``qa-app brief`` and ``qa-app saved``, with the real model on the report in corpus/."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from qa_app.cli import main

pytestmark = pytest.mark.model
QUESTION = "which forces improved data-sharing?"
KENT = "Kent\n\nKent Police improved data-sharing between its partners.\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus and its index."""
    folder = tmp_path_factory.mktemp("brief")
    shutil.copytree(ROOT / "corpus", folder / "corpus")
    assert _main(folder, "build", "--corpus", str(folder / "corpus")) == 0
    return folder


@pytest.fixture
def desk(built: Path) -> Iterator[Path]:
    """The folder with no brief and no saved questions in it."""
    yield built
    shutil.rmtree(built / "briefs", ignore_errors=True)


def _main(folder: Path, *arguments: str) -> int:
    return main([*arguments, "--index", str(folder / "index")])


def _json(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> Any:
    capsys.readouterr()
    assert _main(folder, *arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_an_answers_sources_are_written_with_highlights(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = _json(capsys, desk, "ask", QUESTION, "--marked", str(desk / "answer.zip"))
    with zipfile.ZipFile(desk / "answer.zip") as packed:
        manifest = json.loads(packed.read("manifest.json"))
        [name] = (name for name in packed.namelist() if name.startswith("marked/"))
        page = packed.read(name).decode()
    assert manifest["question"] == QUESTION
    quotes = {item["words"] for item in manifest["quotes"] if item["marked_in"] == name}
    assert {finding["quote"] for finding in answer["findings"]} <= quotes
    assert page.count("<mark") >= len(quotes)
    assert _main(desk, "ask", "xylophone?", "--marked", str(desk / "none.zip")) == 1
    assert "nothing to highlight" in capsys.readouterr().err
    assert not (desk / "none.zip").exists()


def test_a_brief_from_question_to_checked_export(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    brief = _json(capsys, desk, "brief", "add", QUESTION, "--row", "Surrey", "--row", "Merseyside")
    assert [item["pin"]["facet_value"] for item in brief["items"]] == ["Merseyside", "Surrey"]
    pin = brief["items"][0]["pin"]
    assert pin["quote"]["text"].startswith("Improved data-sharing initiatives")
    assert pin["quote"]["citation"]["label"] == "Deep Dives, Merseyside"
    assert (pin["question"], pin["generation"]) == (QUESTION, "000001")
    _json(capsys, desk, "brief", "add", "road safety", "--passage", "1", "--note", "Look into it.")
    _json(capsys, desk, "brief", "heading", "Data")
    _json(capsys, desk, "brief", "title", "Sharing")
    _json(capsys, desk, "brief", "move", "4", "1")
    _json(capsys, desk, "brief", "move", "2", "up")
    _json(capsys, desk, "brief", "remove", "1")
    _json(capsys, desk, "brief", "restore", "1")
    brief = _json(capsys, desk, "brief", "note", "2", "As Surrey says.")
    order = [(item["id"], item["text"]) for item in brief["items"]]
    assert order == [(4, "Data"), (2, "As Surrey says."), (1, ""), (3, "Look into it.")]
    assert _main(desk, "brief", "list") == 0
    assert "[2] Surrey\n" in capsys.readouterr().out

    for ending in ("md", "docx", "csv", "zip"):
        written = _json(capsys, desk, "brief", "export", str(desk / f"brief.{ending}"))
        assert (desk / f"brief.{ending}").stat().st_size == written["bytes"] > 1000
    found = _json(capsys, desk, "brief", "verify", str(desk / "brief.md"))
    assert (found["quotes"], found["bad"]) == (3, 0)
    assert {check["standing"] for check in found["checks"]} == {"ok"}

    text = (desk / "brief.md").read_text()
    (desk / "brief.md").write_text(text.replace("better use of shared", "worse use of shared"))
    assert _main(desk, "brief", "verify", str(desk / "brief.md")) == 1
    said = capsys.readouterr().out
    assert said.startswith("3 quotes: 1 changed, 2 ok\n  note 1 (changed): The quote was edited")
    assert _main(desk, "brief", "verify") == 0


def test_what_cannot_be_done_is_said(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (("brief", "add", QUESTION, "--row", "Kent"), "no row 'Kent'"),
        (("brief", "add", "roads", "--passage", "0"), "passages"),
        (("brief", "note", "7", "x"), "no item 7"),
        (("brief", "export", "brief.pdf"), "does not say what to export"),
        (("brief", "export", "/nowhere/brief.md"), "cannot be written"),
        (("brief", "verify", "/nowhere/brief.md"), "cannot be read"),
        (("saved", "remove", "7"), "no saved question 7"),
    ):
        assert _main(desk, *arguments) == 1
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        _main(desk, "brief", "move", "1", "sideways")


def test_a_build_asks_the_saved_questions_again(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [item] = _json(capsys, desk, "saved", "add", QUESTION)["items"]
    assert (item["question"], item["new"]) == (QUESTION, [])
    assert _json(capsys, desk, "build")["saved"] == []
    (desk / "corpus" / "kent.txt").write_text(KENT)
    assert _main(desk, "build") == 0
    line = f"1 new finding for “{QUESTION}” (qa-app saved check)"
    assert capsys.readouterr().out.splitlines()[-1] == line
    [item] = _json(capsys, desk, "saved", "list")["items"]
    assert [pin["facet_value"] for pin in item["new"]] == ["Kent"]
    assert _main(desk, "saved", "check") == 0
    assert "“Kent Police improved data-sharing between its partners.”" in capsys.readouterr().out
    [item] = _json(capsys, desk, "saved", "check")["items"]
    assert item["new"] == []
    # Nothing new was built, so nothing is asked.
    assert _json(capsys, desk, "build")["saved"] == []
    assert _json(capsys, desk, "saved", "remove", "1")["items"] == []


def test_a_damaged_file_of_saved_questions_does_not_fail_a_build(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "briefs").mkdir()
    (desk / "briefs" / "saved.json").write_text("{")
    assert _main(desk, "build") == 0
    assert "saved.json cannot be read" in capsys.readouterr().err
