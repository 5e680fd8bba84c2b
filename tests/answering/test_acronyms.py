"""Acronyms: what defines one, those with several meanings, and questions for the meaning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qa_app.answering.acronyms import (
    Acronyms,
    asked_acronym,
    expand,
    find_acronyms,
    find_meanings,
    shorten,
)
from qa_app.api import Index, build_index
from qa_app.models import Passage
from qa_app.store.embedded.generation import open_generation
from qa_app.store.protocol import Generation
from qa_app.text.analysis import analyser_for

ENGLISH = analyser_for("english")

REPORTS = {
    "police/force.txt": "Police plan\nAims\nPolice and Crime Commissioners (PCCs) share data.\n",
    "police/plan.txt": "Crime plan\nAims\nThe Police and Crime Commissioner (PCC) agreed.\n",
    "police/roads.txt": "Road plan\nAims\nThe PCC paid for road safety.\n",
    "press/chapter1.txt": "The press\nHistory\nThe Press Complaints Commission (PCC) was made.\n",
    "press/chapter2.txt": "The end\nHistory\nThe PCC lost its funding.\n"
    "The Regional Safety Board (RSB) met.\nPressBoF is a company.\n"
    "The Press Standards Board of Finance (PressBoF) paid.\n",
}


@pytest.mark.parametrize(
    ("acronym", "text", "long_form"),
    [
        ("CSP", "the Community Safety Partnerships (CSPs) met", "Community Safety Partnerships"),
        ("VAWG", "violence against women and girls (VAWG)", "violence against women and girls"),
        ("MARAC", "multi-agency risk assessment conference (MARAC)",
         "multi-agency risk assessment conference"),
        ("RSB", "the RSB (Regional Safety Board) met", "Regional Safety Board"),
        ("RSB", "RSB: Regional Safety Board; CSP: others", "Regional Safety Board"),
        ("RSB", "RSB stands for the Regional Safety Board, made then", "Regional Safety Board"),
        ("PressBoF", "by the Press Standards Board of Finance (PressBoF)",
         "Press Standards Board of Finance"),
        ("HFmrEF", "heart failure with mildly reduced ejection fraction (HFmrEF)",
         "heart failure with mildly reduced ejection fraction"),
        ("CSR", "the Civil Service Rail System (CSRS)", None),
        ("CSP", "the chief of police (CSP)", None),
        ("RSB", "the RSB is a company (for hire)", None),
    ],
)  # fmt: skip
def test_an_acronym_is_defined_by_the_words_that_spell_it(
    acronym: str, text: str, long_form: str | None
) -> None:
    passage = Passage("1", "a.txt", "", (), 0, len(text), text, ())

    meanings = find_meanings(acronym, {0: passage}, ENGLISH)

    assert [found[0].long_form for found in meanings] == ([] if long_form is None else [long_form])


def test_acronyms_are_found_in_either_form(generation: Generation) -> None:
    found = Acronyms({"RSB": "Regional Safety Board"})

    assert find_acronyms("What did the RSB find?", generation) == found
    assert find_acronyms("What did the regional safety boards find?", generation) == found
    assert find_acronyms("What did the board find?", generation) == Acronyms()
    assert expand("RSBs met", found.long_forms) == "Regional Safety Board met"
    assert shorten("The regional safety boards met", found.long_forms) == "The RSB met"


def test_an_acronym_with_two_meanings_is_left_as_written(generation: Generation) -> None:
    assert find_acronyms("What did the PCC pay for?", generation) == Acronyms()


def test_each_document_has_the_meaning_that_it_or_its_neighbour_gives(
    generation: Generation,
) -> None:
    found = find_acronyms("What did the Police and Crime Commissioner pay for?", generation)

    police = {"PCC": found.long_forms["PCC"]}
    assert police["PCC"].startswith("Police and Crime Commissioner")
    assert found.within("police/plan.txt") == found.within("police/roads.txt") == police
    assert found.within("press/chapter1.txt") == found.within("press/chapter2.txt") == {}


def test_what_one_of_many_documents_calls_it_is_no_meaning_for_the_others(
    write_corpus: Callable[[dict[str, str]], Path], encoder: object, tmp_path: Path
) -> None:
    users = {f"{n}.txt": f"Plan {n}\nAims\nThe NHS shares data in area {n}.\n" for n in range(4)}
    roads = {"roads.txt": "Roads\nAims\nThe National Highway System (NHS) is long.\n"}
    corpus = write_corpus(users | roads)
    build_index(corpus, tmp_path / "index", encoder=encoder)
    with open_generation(tmp_path / "index") as opened:
        assert find_acronyms("What does the NHS share?", opened) == Acronyms()


@pytest.mark.parametrize(
    ("question", "acronym"),
    [
        ("What does PCC stand for?", "PCC"),
        ("what does the acronym “pcc” stand for in policing", "pcc"),
        ("What does HFmrEF mean?", "HFmrEF"),
        ("What is RSB short for?", "RSB"),
        ("meaning of PHSO", "PHSO"),
        ("What does the ICB mean by quorum?", None),
        ("What did the board mean to do?", None),
        ("What is PressBoF?", None),
    ],
)
def test_a_question_for_what_an_acronym_stands_for(question: str, acronym: str | None) -> None:
    assert asked_acronym(question) == acronym


def test_every_meaning_is_quoted_first(index: Index) -> None:
    quotes = [finding.quote for finding in index.ask("What does PCC stand for?").findings]

    assert quotes[:2] == [
        "Police and Crime Commissioners (PCCs) share data.",
        "The Press Complaints Commission (PCC) was made.",
    ]
    answer = index.ask("What does pressbof stand for?")
    assert answer.confidence == 1.0
    assert answer.findings[0].quote == "The Press Standards Board of Finance (PressBoF) paid."


def test_only_what_the_filters_leave_defines_an_acronym(index: Index) -> None:
    answer = index.ask("What does PCC stand for?", filters={"document": ["press/chapter1.txt"]})

    assert answer.findings[0].quote == "The Press Complaints Commission (PCC) was made."
    assert all("Police" not in finding.quote for finding in answer.findings)
