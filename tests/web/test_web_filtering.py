"""The filters beside an answer, as links: what it is kept to, and could be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bs4 import BeautifulSoup

from qa_app.retrieval.filters import FilterChoices
from qa_app.store.documents import DocumentRecord, SourceStamp
from qa_app.web.address import Address
from qa_app.web.answer_view import render_home
from qa_app.web.catalogue import Catalogue, Visit
from support.web_pages import links, make_catalogue, parse, words

CHOICES = FilterChoices(
    values={
        "document": {"Annual": 9},
        "region": {"North": 1200, "East": 3},
        "section": {"Findings": 5, "Aims": 4},
        "size": {"small": 1},
        "type": {"pdf": 5, "text": 4},
    },
    earliest="2019-01-01",
    latest="2024-06-30",
    undated=1,
)
HERE = Address("q", filters={"region": ("North",)}, document="a.txt")


def record(path: str, title: str, passages: int) -> DocumentRecord:
    stamp = SourceStamp(1, 1, "0" * 64)
    return DocumentRecord(path, title, "text", 0, range(passages), stamp, (), ())


DOCUMENTS = (record("a.txt", "Annual", 5), record("b/a.txt", "Annual", 4))


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return replace(
        make_catalogue(tmp_path_factory.mktemp("filters")),
        choices=CHOICES,
        documents={document.path: document for document in DOCUMENTS},
    )


def panel(catalogue: Catalogue, here: Address) -> BeautifulSoup:
    return parse(render_home(Visit(catalogue, here.opening(""), stamp="1")))


def test_values_to_keep_to_lead_there_and_chosen_ones_lead_back(catalogue: Catalogue) -> None:
    page = panel(catalogue, HERE)
    groups = page.select(".groups section:has(ul)")
    assert [words(group.h3) for group in groups] == ["Region", "Document", "Type"]
    assert links(groups[0], "a") == [
        ("North", "?q=q"),
        ("East", "?q=q&region=North&region=East"),
    ]
    assert [words(link) for link in groups[0].select("a[aria-current=true]")] == ["North"]
    assert [words(number) for number in groups[0].select(".count")] == ["1,200", "3"]


def test_documents_are_kept_to_by_their_paths(catalogue: Catalogue) -> None:
    page = panel(catalogue, Address("q"))
    assert links(page.select(".groups section")[1], "a") == [
        ("a.txt · Annual", "?q=q&document=a.txt"),
        ("b/a.txt · Annual", "?q=q&document=b/a.txt"),
    ]


def test_each_filter_leads_to_the_page_without_it(catalogue: Catalogue) -> None:
    filters = {"document": ("a.txt",), "date": ("2019..2024",), "region": ("East", "North")}
    assert links(panel(catalogue, replace(HERE, filters=filters)), ".chips a") == [
        (
            "Document: a.txt · Annual ×(remove)",
            "?q=q&date=2019..2024&region=East&region=North",
        ),
        ("Date: 2019 to 2024 ×(remove)", "?q=q&document=a.txt&region=East&region=North"),
        ("Region: East ×(remove)", "?q=q&document=a.txt&date=2019..2024&region=North"),
        ("Region: North ×(remove)", "?q=q&document=a.txt&date=2019..2024&region=East"),
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("2019", "2019"),
        ("2019..", "from 2019"),
        ("..2024", "to 2024"),
        ("2019..2024", "2019 to 2024"),
    ],
)
def test_dates_are_said_in_words(catalogue: Catalogue, value: str, said: str) -> None:
    page = panel(catalogue, Address(filters={"date": (value,)}))
    assert links(page, ".chips a") == [(f"Date: {said} ×(remove)", "?")]


def test_dates_are_a_range_and_reports_without_one_are_counted(catalogue: Catalogue) -> None:
    here = replace(HERE, filters={**HERE.filters, "date": ("2019..",)})
    page = panel(catalogue, here)
    (form,) = page.select("form[data-range=date]")
    assert form["data-form"] == "?q=q&region=North"
    assert [field["value"] for field in form.select("input")] == ["2019", ""]
    assert words(page.select_one(".groups .hint")) == (
        "Reports are dated 2019-01-01 to 2024-06-30; 1 of 2 reports without a date are left out."
    )
    undated = replace(catalogue, choices=replace(CHOICES, earliest=None, latest=None))
    assert panel(undated, HERE).select("form[data-range]") == []
