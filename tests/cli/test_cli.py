"""The command line: the contract's keys, exit codes, and messages that say what mends it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from qa_app.cli import main
from support.llm_server import serving_models

CITATION_KEYS = {"document", "title", "page", "section", "start", "end", "label"}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the report in corpus/, made by the command itself with the real model."""
    folder = tmp_path_factory.mktemp("cli") / "index"
    assert main(["build", "--corpus", str(ROOT / "corpus"), "--index", str(folder)]) == 0
    return folder


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.model
def test_build_says_what_it_did(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = _json(capsys, "build", "--index", str(index))
    assert report["documents"] == {
        "added": 0, "changed": 0, "removed": 0, "unchanged": 1, "failed": 0
    }  # fmt: skip
    assert (report["generation"], report["embedded"], report["failures"]) == ("000001", 0, [])
    assert report["reused"] == report["passages"] > 0
    assert {"seconds", "passages_per_second"} <= set(report)


@pytest.mark.model
def test_ask_which_has_the_contracts_keys(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = _json(capsys, "ask", "which forces improved data-sharing?", "--index", str(index))
    assert answer["verdict"] == "answered"
    assert {"question", "passages", "coverage", "timings_ms", "generation"} <= set(answer)
    rows = {row["facet_value"]: row for row in answer["findings"]}
    row = rows["Merseyside"]
    assert row["support"] == "strong"
    assert (
        row["quote"]
        == "Improved data-sharing initiatives to support evidence-based decision-making."
    )
    assert set(row["citation"]) >= CITATION_KEYS
    assert {"facet", "with_evidence", "without_evidence", "not_in_corpus"} <= set(
        answer["coverage"]
    )
    assert {"rank", "score", "text", "citation"} <= set(answer["passages"][0])


@pytest.mark.model
def test_a_lead_is_followed(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ("--index", str(index))
    before = "What is planned in Humberside?"
    answer = _json(capsys, "ask", "and in Surrey?", "--after", before, *at)
    assert answer["read_as"] == "What is planned in Surrey?"
    whole = _json(capsys, "ask", "What is planned in Surrey?", *at)
    assert (answer["findings"], answer["passages"]) == (whole["findings"], whole["passages"])
    first = whole["passages"][0]["citation"]
    place = f"{first['document']}@{first['start']}-{first['end']}"
    without = _json(capsys, "ask", "What is planned in Surrey?", "--not", place, *at)
    assert [item["citation"] for item in without["rejected"]] == [first]
    assert first not in [item["citation"] for item in without["passages"]]
    like = _json(capsys, "search", "--like", place, *at)
    assert like["like"] == place
    assert len(like["passages"]) == 5  # all but the one it starts from
    assert first not in [item["citation"] for item in like["passages"]]
    assert main(["search", *at]) == main(["search", "--like", "x", *at]) == 1
    errors = capsys.readouterr().err
    assert "Give a query or --like" in errors
    assert "'x' is no place of a quote" in errors


@pytest.mark.model
def test_every_quote_is_the_sources_own_words(
    index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = next((ROOT / "corpus").glob("*.txt")).read_text(encoding="utf-8")
    for question in ("Which areas reduce duplication?", "When were the case studies carried out?"):
        answer = _json(capsys, "ask", question, "--index", str(index))
        assert answer["findings"]
        for item in answer["findings"]:
            assert source[item["citation"]["start"] : item["citation"]["end"]] == item["quote"]


@pytest.mark.model
def test_evaluate_takes_a_csv_of_questions(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = next((ROOT / "corpus").glob("*.txt")).stem
    path = tmp_path / "questions.csv"
    rows = (f"which forces improved data-sharing?,{report}", "What is the boiling point of lead?,")
    path.write_text("\n".join(["question,document", *rows]), encoding="utf-8")
    compared = ("--compare-mode", "fast")
    found = _json(capsys, "evaluate", str(path), "--index", str(index), *compared)
    assert (found["hit@1"], found["right_verdict"], found["queries"]) == (1.0, 1.0, 2)
    assert found["misses"] == []
    assert found["comparison"]["names"] == [f"{index}, best", f"{index}, fast"]
    assert found["comparison"]["differences"]["hit@1"]["tied"] == 1


@pytest.mark.model
def test_ask_says_when_the_reports_do_not_say(
    index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = "What is the population of Merseyside?"
    assert _json(capsys, "ask", question, "--index", str(index))["verdict"] == "not_found"
    assert main(["ask", question, "--index", str(index)]) == 0
    assert capsys.readouterr().out.startswith("The reports do not say.")


@pytest.mark.model
def test_ask_verifies_and_explains(
    tmp_path: Path, index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = "When were the case studies carried out?"
    asked = ["ask", question, "--index", str(index), "--verify"]
    answer = _json(capsys, *asked)
    assert (answer["verified"], answer["bad"]) == (True, [])
    why = answer["explanation"]
    assert set(why["weights"]) <= set(answer["findings"][0]["scores"])
    assert main([*asked, "--explain"]) == 0
    out = capsys.readouterr().out
    assert f"Why: an answer or row needs a score of {why['threshold']:.2f}." in out
    assert out.endswith("in 1 file: all as the reports have it.\n")

    (source,) = (ROOT / "corpus").glob("*.txt")
    (tmp_path / source.name).write_text(source.read_text().replace("September", "October"))
    assert main([*asked, "--corpus", str(tmp_path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["verified"] is False


@pytest.mark.model
def test_search_ranks_and_filters(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(
        capsys, "search", "data", "--index", str(index), "--filter", "force=Surrey", "--top-k", "3"
    )
    assert [item["citation"]["section"][-1] for item in found["passages"]] == ["Surrey"]


@pytest.mark.model
def test_filters_lists_what_can_be_kept_to(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "filters", "--index", str(index))
    assert found["values"]["type"] == {"text": sum(found["values"]["document"].values())}
    assert {"Humberside", "Lincolnshire", "Merseyside", "Surrey"} <= set(found["values"]["force"])
    assert (found["earliest"], found["latest"], found["undated"]) == (None, None, 1)
    assert main(["filters", "--index", str(index)]) == 0
    assert capsys.readouterr().out.endswith("1 document has no date\n")


def test_verify_and_status(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = _json(capsys, "verify", "--index", str(index))
    assert (report["bad"], report["passages"] > 0, report["files"] > 5) == ([], True, True)
    status = _json(capsys, "status", "--index", str(index))
    assert status["generation"] == "000001"
    assert status["model"]["name"] == "all-MiniLM-L6-v2"


@pytest.mark.parametrize("command", ["--help", "status", "verify"])
def test_commands_that_answer_at_once_import_nothing_slow(index: Path, command: str) -> None:
    slow = {
        *("torch", "transformers", "sentence_transformers", "gradio"),
        *("sklearn", "scipy", "faiss", "pypdfium2"),
    }
    arguments = [command] if command == "--help" else [command, "--index", str(index)]
    script = (
        "import atexit, sys; from qa_app.cli import main; "
        f"atexit.register(lambda: sys.stderr.write(str(sorted({slow} & set(sys.modules))))); "
        f"main({arguments})"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stderr == "[]"


def test_verify_names_a_flipped_byte(index: Path, tmp_path: Path) -> None:
    copy = tmp_path / "index"
    shutil.copytree(index, copy)
    path = copy / "generations" / "000001" / "embeddings.npy"
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[-1] ^= 0x10
    path.write_bytes(content)
    run = _run("verify", "--index", str(copy), "--corpus", str(ROOT / "corpus"))
    assert run.returncode == 1
    assert "embeddings.npy" in run.stdout + run.stderr


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "qa_app", *arguments], capture_output=True, text=True, check=False
    )


def _message(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command that fails says: one line what is wrong, one how to mend it."""
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 2, captured.err
    return captured.err


def test_bad_questions_are_refused_with_a_hint(
    index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["--index", str(index)]
    assert "empty" in _message(["ask", "  ", *at], capsys)
    assert "10,000 characters" in _message(["ask", "x" * 10_000, *at], capsys)
    assert "FACET=VALUE" in _message(["ask", "x", "--filter", "y", *at], capsys)
    assert "Atlantis" in _message(["ask", "x", "--filter", "force=Atlantis", *at], capsys)


def test_a_missing_index_names_the_command_that_makes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["ask", "x"], ["search", "x"], ["status"], ["verify"]):
        assert "qa-app build" in _message([*command, "--index", str(tmp_path / "no")], capsys)


def test_an_empty_corpus_and_a_missing_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = str(tmp_path / "index")
    (tmp_path / "empty").mkdir()
    _message(["build", "--corpus", str(tmp_path / "empty"), "--index", index], capsys)
    _message(["build", "--corpus", str(tmp_path / "none"), "--index", index], capsys)
    assert not (tmp_path / "index" / "CURRENT").exists()


def test_another_model_is_refused_by_both_names(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "other-model"
    (model / "1_Pooling").mkdir(parents=True)
    (model / "model.safetensors").write_bytes(b"not these")
    (model / "1_Pooling" / "config.json").write_text('{"word_embedding_dimension": 8}')
    text = _message(["ask", "x", "--index", str(index), "--model", str(model)], capsys)
    assert "all-MiniLM-L6-v2" in text
    assert "other-model" in text


def test_an_unreadable_file_is_named_and_strict_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "good.txt").write_text("Roads\nThe road is safe.\n")
    (corpus / "broken.pdf").write_bytes(b"%PDF-1.7 nothing else")
    (corpus / "old.xyz").write_bytes(b"?")
    at = ["--corpus", str(corpus), "--index", str(tmp_path / "index")]
    assert main(["build", *at, "--strict"]) == 1
    out = capsys.readouterr().out
    assert "broken.pdf: " in out
    assert "old.xyz: " in out
    report = _json(capsys, "build", *at)
    assert [item["path"] for item in report["failures"]] == ["broken.pdf", "old.xyz"]


@pytest.mark.model
def test_a_summary_is_checked_and_the_answer_stands_without(
    index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["ask", "which forces improved data-sharing?", "--index", str(index), "--llm"]
    with serving_models() as url:
        found = _json(capsys, *asked, url, "--llm-model", "mixed")["synthesis"]
        assert (found["model"], found["url"]) == ("mixed", url)
        assert {"text", "citations", "kept", "reason"} <= set(found["sentences"][0])
        assert [item["kept"] for item in found["sentences"][-4:]] == [False] * 4
        assert found["sentences"][0]["kept"], found
        refused = _json(capsys, "ask", "who won the cup?", *asked[2:], url)
        assert (refused["verdict"], refused["synthesis"]) == ("not_found", None)
        assert main([*asked, url, "--llm-model", "html"]) == 0
        said = capsys.readouterr()
        assert "Merseyside" in said.out
        assert "did not answer with a chat completion" in said.err
    assert main([*asked, "http://8.8.8.8"]) == 1
    assert "--llm-anywhere" in capsys.readouterr().err


def test_wrong_usage_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["ask"])
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_build_index_is_the_build_command() -> None:
    run = subprocess.run(
        [sys.executable, str(ROOT / "build_index.py"), "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "qa-app build" in run.stdout


def test_every_command_and_flag_in_the_readme_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text += (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    commands = set(re.findall(r"qa-app ((?:(?:brief|saved) )?[a-z]+)", text))
    shown = _run("--help").stdout
    assert commands
    help_of = {name: _run(*name.split(), "--help") for name in commands}
    assert [name for name, run in help_of.items() if run.returncode] == [], shown
    flags = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", text))
    everything = " ".join(run.stdout for run in help_of.values())
    assert sorted(flag for flag in flags if flag not in everything) == []
