"""What is quoted of a sentence: with its list, with what it points back to, never cut in two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qa_app.answering.features import Evidence
from qa_app.answering.model import UNREAD
from qa_app.answering.quotes import Quoting
from qa_app.api import Index
from qa_app.citations import cite, find_in_source
from qa_app.errors import QueryError
from qa_app.models import Passage, Sentence
from qa_app.store.contents import write_generation
from qa_app.store.embedded.generation import open_generation
from qa_app.store.protocol import Generation
from qa_app.verification import verify_answer
from support.store_samples import make_contents, make_document

LONG = "word " * 45
REPORT = f"""# Quorum
The board was set up in 2019. Members must be present at a meeting, including:

- the chair
- two members; and
- the clerk

Nobody may act twice.

# Themes
The findings have five themes. These are:

- What matters
- Freeing up time

# Duties
Every board shall meet these duties:

- one {LONG}
- two {LONG}
- three {LONG}
- four {LONG}
- five {LONG}
- six {LONG}

# Rules
A charge point must meet the following minimum standards.

- It must be safe.
- It must be tested.

# Effects
- Headache is common.
- Fever is rare.

# History
The report did not advocate a law. Rather, it asked for a new council.
It is vital that all agree. This report ends.

The claims were paid within an average of

58 days in that year.

It fell then to the

| a | b |
|---|---|
| 1 | 2 |

On 16 January President Chester A.

Arthur signed the Act.
"""
REPORTS = {"report.md": REPORT}
ONE = "What is the quorum?"
ALL = "What are the parts of the quorum?"


def quoted(generation: Generation, question: str, *words: str, most: int = 3) -> list[str]:
    """Return what is quoted of the sentences that have these words, and check every citation."""
    text = generation.document("report.md").text
    passages = generation.passages(generation.document_rows("report.md"))
    groups = [[_evidence(passages, some)] for some in words]
    found = []
    for item, *_ in Quoting(generation, question, UNREAD).quotes(groups, most):
        cited = cite(item.passage, item.sentence.start, item.sentence.end)
        assert text[cited.start : cited.end] == item.text
        assert find_in_source(generation, "report.md", (cited.start, cited.end)).citation == cited
        found.append(item.text)
    return found


def _evidence(passages: tuple[Passage, ...], words: str) -> Evidence:
    return next(
        Evidence(passage, sentence)
        for passage in passages
        for sentence in passage.sentences
        if words in passage.slice(sentence.start, sentence.end)
    )


QUORUM = """\
Members must be present at a meeting, including:
- the chair
- two members; and
- the clerk"""


def test_a_lead_in_is_quoted_with_its_list(generation: Generation) -> None:
    assert quoted(generation, ONE, "including:") == [QUORUM]
    standards = "A charge point must meet the following minimum standards."
    whole = f"{standards}\n- It must be safe.\n- It must be tested."
    assert quoted(generation, ONE, "following minimum") == [whole]
    assert quoted(generation, ONE, "It must be safe", "following minimum") == [whole]


def test_one_item_stays_alone_and_two_are_their_list(generation: Generation) -> None:
    assert quoted(generation, ONE, "the chair", "2019") == [
        "the chair",
        "The board was set up in 2019.",
    ]
    others = ("2019", "Nobody")
    shown = quoted(generation, ONE, "the chair", "including:", "the clerk", *others)
    assert shown == [QUORUM, "The board was set up in 2019.", "Nobody may act twice."]
    assert quoted(generation, ONE, "2019", "Nobody", "the chair", "the clerk", most=2)[2:] == [
        "the chair",
        "the clerk",
    ]


def test_a_question_for_several_things_is_answered_by_the_list(generation: Generation) -> None:
    assert quoted(generation, ALL, "the clerk") == [QUORUM]
    assert quoted(generation, ALL, "Fever") == ["- Headache is common.\n- Fever is rare."]
    assert quoted(generation, ONE, "Fever") == ["Fever is rare."]


@pytest.mark.parametrize(
    "question",
    [
        "Which conditions must be met?",
        "What four stages are there?",
        "which two main duties do boards have",
        "List the themes.",
    ],
)
def test_questions_for_several_things(generation: Generation, question: str) -> None:
    assert quoted(generation, question, "the clerk") == [QUORUM]


@pytest.mark.parametrize(
    "question", ["What is the status of it?", "Which process was used?", "Who are they?"]
)
def test_questions_for_one_thing(generation: Generation, question: str) -> None:
    assert quoted(generation, question, "the clerk") == ["the clerk"]


def test_what_only_hands_on_to_a_list_is_quoted_between(generation: Generation) -> None:
    themes = "The findings have five themes. These are:\n- What matters\n- Freeing up time"
    assert quoted(generation, ONE, "five themes", "These are") == [themes]


def test_short_numbered_paragraphs_are_a_list_too(tmp_path: Path) -> None:
    parts = ("The themes are:", "1. What matters", "2. Time to care\nBoth are new.", "3. Data")
    given = make_document("report.md", parts)
    labels = (None, "1", "2.", "3")
    passages = [replace(p, label=n) for p, n in zip(given.passages, labels, strict=True)]
    write_generation(tmp_path, make_contents(replace(given, passages=tuple(passages))))
    with open_generation(tmp_path) as generation:
        shown = quoted(generation, ONE, "themes are")
    assert shown == ["The themes are:\n1. What matters\n2. Time to care"]


def test_a_list_goes_on_in_the_next_passage_and_ends_with_an_item(generation: Generation) -> None:
    rows = generation.document_rows("report.md")
    assert sum(p.section == ("Duties",) for p in generation.passages(rows)) > 1
    (quote,) = quoted(generation, ONE, "these duties")
    assert quote.startswith("Every board shall meet these duties:\n- one word")
    assert len(quote) <= 1200
    assert quote.endswith(f"- five {LONG.strip()}")
    # There is no room for the last.
    assert quoted(generation, ALL, "six") == [f"six {LONG.strip()}"]
    assert quoted(generation, ALL, "five word") == [quote]


def test_what_points_back_is_quoted_with_the_sentence_before(generation: Generation) -> None:
    first, second = "The report did not advocate a law.", "Rather, it asked for a new council."
    assert quoted(generation, ONE, "Rather") == [f"{first} {second}"]
    assert quoted(generation, ONE, "Rather", "advocate") == [f"{first} {second}"]
    assert quoted(generation, ONE, "advocate", "Rather") == [first, second]
    assert quoted(generation, ONE, "It is vital") == ["It is vital that all agree."]
    assert quoted(generation, ONE, "This report ends") == ["This report ends."]
    assert quoted(generation, ONE, "Nobody") == ["Nobody may act twice."]


def test_what_the_layout_cut_is_whole_or_not_quoted(generation: Generation) -> None:
    whole = "The claims were paid within an average of\n58 days in that year."
    assert quoted(generation, ONE, "58 days", "average of") == [whole]
    assert quoted(generation, ONE, "fell then") == []
    name = "On 16 January President Chester A.\nArthur signed the Act."
    assert quoted(generation, ONE, "Arthur signed") == [name]


def test_the_same_list_elsewhere_is_named(generation: Generation) -> None:
    passages = generation.passages(generation.document_rows("report.md"))
    item = _evidence(passages, "including:")
    ((quote, *others),) = Quoting(generation, ONE, UNREAD).quotes([[item, item]], 3)
    assert [other.text for other in others] == [quote.text] == [QUORUM]


def test_words_of_two_sections_are_no_quote(generation: Generation) -> None:
    text = generation.document("report.md").text
    with pytest.raises(QueryError, match="Nothing can be quoted"):
        find_in_source(generation, "report.md", (text.index("Nobody"), text.index("five themes")))


def test_an_answer_with_a_list_is_as_the_file_has_it(index: Index, generation: Generation) -> None:
    answer = index.ask("What are the duties that every board shall meet?")
    rows = [*answer.findings, *answer.near_misses]
    assert any(len(row.quote) > len(QUORUM) for row in rows)
    assert verify_answer(answer, generation, index.corpus).bad == ()


def test_a_sentence_that_is_not_of_the_passage_stays_as_it_is(generation: Generation) -> None:
    passage = generation.passages(generation.document_rows("report.md"))[0]
    part = Evidence(passage, Sentence(passage.start, passage.start + 3))
    assert Quoting(generation, ONE, UNREAD).quote([part]) == [part]
