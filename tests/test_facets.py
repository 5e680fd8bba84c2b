"""Facets: reading the file, tagging passages, and seeing a facet in a question."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa_app.errors import ConfigError
from qa_app.facets import Facet, Facets, name_documents
from qa_app.models import Passage

ROOT = Path(__file__).resolve().parent.parent
COLOURS = """
[town]
nouns = ["town", "towns", "town council", "where"]
ignore = ["New Redford"]

[town.values]
"Redford" = ["Red"]
"Greenham" = []
"Blue and White" = []
"St Paul" = []
"""


@pytest.fixture
def towns(tmp_path: Path) -> Facets:
    (tmp_path / "facets.toml").write_text(COLOURS, encoding="utf-8")
    return Facets.load(tmp_path)


def passage(
    text: str, section: tuple[str, ...] = (), document: str = "a.txt", title: str = "Title"
) -> Passage:
    return Passage(
        id="p",
        document=document,
        title=title,
        section=section,
        start=0,
        end=len(text),
        text=text,
        sentences=(),
    )


def test_a_passage_is_tagged_from_its_section_then_its_text_then_its_document(
    towns: Facets,
) -> None:
    document = "reports/Redford_2024.txt"
    in_section = passage("Greenham did.", ("All", "Redford Town"), "x.txt")
    in_text = passage("Greenham did, and St. Paul.", ("All",), document)
    in_document = passage("They did.", ("All",), document)

    assert towns.tag(in_section)["town"] == ("Redford",)
    assert towns.tag(in_text)["town"] == ("Greenham", "St Paul")
    assert towns.tag(in_document)["town"] == ("Redford",)
    assert "town" not in towns.tag(passage("They did."))


@pytest.mark.parametrize(
    ("document", "title"),
    [
        ("Blue_and-White.pdf", "Policy"),
        ("Blue & White/policy.pdf", "P"),
        ("p.pdf", "blue and white"),
    ],
)
def test_a_document_named_after_a_value_belongs_to_it_as_a_whole(
    towns: Facets, document: str, title: str
) -> None:
    about_another = passage("As in Greenham.", ("Redford",), document, title)

    assert towns.tag(about_another)["town"] == ("Blue and White",)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("the red door of greenham", ()),
        ("REDFORD's and Red-led", ("Redford",)),
        ("Blue\nand White; Blue & White", ("Blue and White",)),
        ("Redfordshire and New Redford", ()),
    ],
)
def test_values_match_whole_words_as_written_or_in_capitals(
    towns: Facets, text: str, values: tuple[str, ...]
) -> None:
    assert towns.named_by("town", text) == values


def test_a_typed_question_may_name_a_value_in_any_case_but_not_an_alias(towns: Facets) -> None:
    found = towns.mentions("is greenham red?", typed=True)

    assert [(m.value, m.start, m.end) for m in found] == [("Greenham", 3, 11)]


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Which towns share data?", "Which towns"),
        ("what town council is there", "what town council"),
        ("Which of the four towns share data?", "Which of the four towns"),
        ("Who among the towns shares data?", "Who among the towns"),
        ("How many large towns share data?", "How many large towns"),
        ("List the towns that share data", "List the towns"),
        ("In each town, who leads?", "each town"),
        ("towns that share data", "towns"),
        ("What is the town like?", None),
        ("Which town of the mind is this?", None),
        ("What does the town's council do?", None),
    ],
)
def test_a_question_names_the_facet_it_asks_for(
    towns: Facets, question: str, words: str | None
) -> None:
    found = towns.question(question)

    assert (found and question[found.start : found.end]) == words
    assert found is None or (found.facet == "town" and not found.soft)


def test_where_is_a_soft_noun_that_must_come_first(towns: Facets) -> None:
    found = towns.question("Where is data shared?")

    assert found is not None
    assert found.soft
    assert towns.question("the place where it is shared") is None


def test_without_a_file_documents_sections_and_years_serve(tmp_path: Path) -> None:
    facets = Facets.load(tmp_path)
    tags = facets.tag(
        passage("It rose.", ("Annual report", "Costs"), "y_2023.txt", "Annual report")
    )

    assert tags == {
        "section": ("Costs",),
        "year": ("2023",),
    }
    for question, facet in [
        ("Which reports mention costs?", "document"),
        ("Which sections mention costs?", "section"),
        ("In which years did it rise?", "year"),
    ]:
        found = facets.question(question)
        assert found is not None
        assert found.facet == facet


def test_documents_with_one_title_are_told_apart() -> None:
    assert name_documents(
        {
            "2023.pdf": "Annual report",
            "old/2022.pdf": "Annual report",
            "east/plan.md": "Plan",
            "west/plan.md": "Plan",
            "board.md": "Board",
        }
    ) == {
        "2023.pdf": "2023.pdf · Annual report",
        "old/2022.pdf": "2022.pdf · Annual report",
        "east/plan.md": "east/plan.md · Plan",
        "west/plan.md": "west/plan.md · Plan",
        "board.md": "Board",
    }


def test_sums_of_money_are_not_years(tmp_path: Path) -> None:
    facets = Facets.load(tmp_path)

    assert facets.named_by("year", "£2000, 2,015 and 2016.5 and 2017% but in 2018, 2019.") == (
        "2018",
        "2019",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[town\n", "line 1"),
        ("town = 3\n", "'town' is not a table"),
        ('[town]\nnoun = ["x"]\n', "unknown key 'noun'"),
        ('[town]\nnouns = "x"\n', "town: nouns must be a list"),
        ('[town.values]\n"A" = "B"\n', "town.values: 'A' must be a list"),
        ('[town.values]\n"A" = ["C"]\n"B" = ["c"]\n', "gives 'c' to both 'A' and 'B'"),
    ],
)
def test_a_malformed_file_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "facets.toml").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        Facets.load(tmp_path)

    assert "facets.toml" in caught.value.message
    assert said in caught.value.message
    assert caught.value.hint


def test_the_fingerprint_changes_with_the_file(tmp_path: Path, towns: Facets) -> None:
    changed = COLOURS.replace('"Greenham" = []', '"Greenham" = ["Green"]')
    (tmp_path / "facets.toml").write_text(changed, encoding="utf-8")

    assert Facets.load(tmp_path).fingerprint != towns.fingerprint
    (tmp_path / "facets.toml").write_text(COLOURS, encoding="utf-8")
    assert Facets.load(tmp_path).fingerprint == towns.fingerprint


def test_the_shipped_file_lists_the_forces() -> None:
    facets = Facets.load(ROOT / "corpus")

    assert len(facets.values("force")) == 45
    assert facets.named_by("force", "the Humber and the Met, not the Met Office") == (
        "Humberside",
        "Metropolitan",
    )
    question = facets.question("which forces improved data-sharing?")
    assert question is not None
    assert question.facet == "force"


def test_a_facet_without_plain_nouns_is_named_by_its_question_word_alone() -> None:
    facets = Facets([Facet("place", ("where",))])

    assert facets.question("which place is it?") is None
    found = facets.question("Where is it?")
    assert found is not None
    assert (found.facet, found.start, found.end, found.soft) == ("place", 0, 5, True)
