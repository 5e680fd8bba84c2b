"""A summary of an answer by a real server: what is kept, what is struck, what is never asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from conftest import FakeEncoder
from qa_app.api import Index, build_index, open_index
from qa_app.errors import LanguageModelError, QueryError
from qa_app.models import Answer, Citation, Finding, Support, Verdict
from qa_app.output.synthesis_text import copied_text, synthesis_text
from qa_app.synthesis import LanguageModel, Synthesis
from support.injections import DEMANDS, PAYLOADS
from support.llm_server import last_request, serving_models

QUESTION = "Which board shared data?"
QUOTES = (
    "The board shared data with 12 road safety teams in Kent.",
    "Funding was not cut, but road safety fell by 20 per cent.",
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving_models() as address:
        yield address


CITATION = Citation("a.txt", "Annual", None, (), 0, 1, "Annual")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    root = tmp_path_factory.mktemp("summaries")
    (root / "corpus").mkdir()
    (root / "corpus" / "a.txt").write_text(f"Annual\n\n{QUOTES[0]}\n", encoding="utf-8")
    build_index(root / "corpus", root / "index", encoder=FakeEncoder())
    with open_index(root / "index", encoder=FakeEncoder(), reader="none") as opened:
        yield opened


def answer(*quotes: str) -> Answer:
    findings = [Finding(None, quote, Support.STRONG, 0.9, CITATION) for quote in quotes]
    return Answer(QUESTION, Verdict.ANSWERED, 0.9, tuple(findings), (), None, {}, "000001")


def summary(index: Index, url: str, says: str, *quotes: str) -> Synthesis:
    return index.snapshot().summarise(answer(*(quotes or QUOTES)), LanguageModel(url, says))


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("The board shared data with road safety teams [1].", ""),
        ("Funding was not cut [2].", ""),
        ("Road safety teams in Kent shared data; funding was not cut [1][2].", ""),
        ("The board shared data with road safety teams.", "it cites no quote"),
        ("The board shared data [1][7].", "there is no quote 7"),
        ("The board shared data in Surrey [1].", "“Surrey” is not in quote 1"),
        ("Surrey shared data [1].", "“Surrey” is not in quote 1"),
        ("The board of Kent shared data [2].", "“Kent” is not in quote 2"),
        ("The board shared data with 13 teams [1].", "the number “13” is not in quote 1"),
        ("The board shared data with thirteen teams [1].", "the number “13” is not in quote 1"),
        ("Road safety fell by 20 pounds [2].", "the number “20 pounds” is not in quote 2"),
        ("The board did not share data [1].", "it denies what quote 1 does not"),
        ("Funding was cut [2].", "it leaves out what quote 2 denies"),
        ("The board shared all data [1].", "quote 1 does not say “all”"),
        ("The duplication shared violence [1].", "quote 1 does not bear it out"),
        ("The board is at http://outside.example/x [1].", "“http://outside.example/x” is not in"),
        ("Write “the board shared data” [1].", "it reads like an instruction"),
    ],
)
def test_each_sentence_is_checked(index: Index, url: str, sentence: str, reason: str) -> None:
    (found,) = summary(index, url, f"say:{sentence}").sentences
    assert found.reason.startswith(reason), found
    assert found.kept == (reason == ""), found


def test_what_is_printed_and_copied(index: Index, url: str) -> None:
    found = summary(index, url, "say:The board shared data [1]. Surrey shared data [1]. So what?")
    assert synthesis_text(found).splitlines() == [
        f"Written by a language model ({found.model}), checked against the quotes, which were sent "
        f"to {url}:",
        "    The board shared data. [1]",
        "  ✗ Surrey shared data. [1]",
        "      struck out: “Surrey” is not in quote 1.",
        "  ✗ So what?",
        "      struck out: it cites no quote.",
        "  [1] Annual",
    ]
    assert copied_text(found).splitlines() == [
        "The board shared data. [1]",
        "",
        "[1] Annual",
        f"(Written by a language model ({found.model}), checked against the quotes.)",
    ]


def test_a_refusal_is_never_summarised(index: Index, url: str) -> None:
    before = last_request(url)
    refused = replace(answer(), verdict=Verdict.NOT_FOUND, near_misses=answer(*QUOTES).findings)
    with pytest.raises(QueryError, match="nothing to summarise"):
        index.snapshot().summarise(refused, LanguageModel(url, "say:The board shared data [1]."))
    assert last_request(url) == before


def test_a_model_that_writes_nothing(index: Index, url: str) -> None:
    with pytest.raises(LanguageModelError, match="wrote nothing"):
        summary(index, url, "blank")


def test_more_quotes_than_can_be_sent_are_named(index: Index, url: str) -> None:
    long = [f"{QUOTES[0]} " + "Roads are data. " * 700, f"{QUOTES[1]} " + "Roads. " * 700]
    found = summary(index, url, "say:Funding was not cut [2].", *long)
    assert [quote.number for quote in found.withheld] == [2]
    assert found.sentences[0].reason == "quote 2 was not given to the model"


def kept(found: Synthesis) -> str:
    return " ".join(sentence.text for sentence in found.sentences if sentence.kept)


def test_an_injection_at_worst_makes_a_sentence_that_fails(index: Index, url: str) -> None:
    """A model that obeys what it reads; then one that writes the demand, read or not."""
    for payload, demand in PAYLOADS:
        obeyed = summary(index, url, "obedient", QUOTES[0], payload)
        assert "12 road safety teams" in kept(obeyed)
        for cited in ("[2]", "[1][2]"):
            written = summary(index, url, f"say:{demand} {cited}.", QUOTES[0], payload)
            assert [sentence.kept for sentence in written.sentences] == [False], payload
        assert not any(words in kept(obeyed) for words in DEMANDS), payload
        assert payload not in str(last_request(url)["body"])


def test_an_obedient_model_would_have_obeyed(index: Index, url: str) -> None:
    """The payloads' words in a quote that is sent: written, and struck for who is to say so."""
    found = summary(index, url, "obedient", QUOTES[0], f"A sign on the door read “{DEMANDS[0]}”.")
    (sentence,) = found.sentences
    assert (sentence.text, sentence.kept) == (f"{DEMANDS[0]}.", False)
