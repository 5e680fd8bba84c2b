from dataclasses import replace

import pytest

from qa_app.retrieval.filters import FilterChoices
from qa_app.store.records import DocumentRecord, SourceStamp
from qa_app.web.address import Address
from qa_app.web.filtering import filter_panel
from qa_app.web.views import DateFilterView, FilterPanelView, FilterValue, Link

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


def panel(address: Address) -> FilterPanelView:
    return filter_panel(CHOICES, DOCUMENTS, address)


def test_values_to_keep_to_lead_there_and_chosen_ones_lead_back() -> None:
    region, document, kind = panel(HERE).groups
    assert (region.name, document.name, kind.name) == ("Region", "Document", "Type")
    assert region.values == (
        FilterValue("North", "1,200", "?q=q", active=True),
        FilterValue("East", "3", "?q=q&region=North&region=East", active=False),
    )


def test_documents_are_kept_to_by_their_paths() -> None:
    _, document, _ = panel(Address("q")).groups
    assert document.values == (
        FilterValue("a.txt · Annual", "5", "?q=q&document=a.txt", active=False),
        FilterValue("b/a.txt · Annual", "4", "?q=q&document=b/a.txt", active=False),
    )


def test_each_filter_leads_to_the_page_without_it() -> None:
    filters = {"document": ("a.txt",), "date": ("2019..2024",), "region": ("East", "North")}
    assert panel(replace(HERE, filters=filters)).chips == (
        Link("Document: a.txt · Annual", "?q=q&date=2019..2024&region=East&region=North"),
        Link("Date: 2019 to 2024", "?q=q&document=a.txt&region=East&region=North"),
        Link("Region: East", "?q=q&document=a.txt&date=2019..2024&region=North"),
        Link("Region: North", "?q=q&document=a.txt&date=2019..2024&region=East"),
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2019", "2019"),
        ("2019..", "from 2019"),
        ("..2024", "to 2024"),
        ("2019..2024", "2019 to 2024"),
    ],
)
def test_dates_are_said_in_words(value: str, words: str) -> None:
    (chip,) = panel(Address(filters={"date": (value,)})).chips
    assert chip == Link(f"Date: {words}", "")


def test_dates_are_a_range_and_reports_without_one_are_counted() -> None:
    here = replace(HERE, filters={**HERE.filters, "date": ("2019..",)})
    assert panel(here).dates == DateFilterView(
        base="?q=q&region=North",
        since="2019",
        until="",
        hint="Reports are dated 2019-01-01 to 2024-06-30; "
        "1 of 2 reports without a date are left out.",
    )
    undated = replace(CHOICES, earliest=None, latest=None)
    assert filter_panel(undated, DOCUMENTS, HERE).dates is None
