"""The filters beside an answer: what it is kept to, and what it could be kept to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from qa_app.facets import DOCUMENT_FACET, SECTION_FACET, YEAR_FACET, name_documents
from qa_app.retrieval.filters import DATE, TYPE, FilterChoices
from qa_app.store.records import DocumentRecord
from qa_app.text.wording import count
from qa_app.web.address import Address
from qa_app.web.views import DateFilterView, FilterGroup, FilterPanelView, FilterValue, Link

# More than this in one list is for the search, not for choosing from.
_MOST_VALUES = 200
_NAMES = {YEAR_FACET: "Year named in the text"}
_LAST = (DOCUMENT_FACET, TYPE, YEAR_FACET)
_TO = ".."


def filter_panel(
    choices: FilterChoices, documents: Sequence[DocumentRecord], address: Address
) -> FilterPanelView:
    """Return the filters for an address; each choice leads to the same page with it."""
    here = address.opening("")
    names = name_documents({document.path: document.title for document in documents})
    counts = {
        **choices.values,
        DOCUMENT_FACET: {document.path: document.passages for document in documents},
    }
    facets = [*sorted(counts.keys() - {*_LAST, SECTION_FACET}), *_LAST]
    groups = (_group(facet, counts.get(facet, {}), names, here) for facet in facets)
    return FilterPanelView(
        chips=tuple(_chips(here, names)),
        groups=tuple(group for group in groups if len(group.values) > 1),
        dates=_dates(choices, len(documents), here),
    )


def capitalise(name: str) -> str:
    """Return a facet's name as a heading."""
    return f"{name[:1].upper()}{name[1:]}".replace("_", " ")


def _chips(here: Address, names: Mapping[str, str]) -> Iterable[Link]:
    for facet, values in here.filters.items():
        for value in values:
            text = _date_words(value) if facet == DATE else names.get(value, value)
            yield Link(f"{capitalise(facet)}: {text}", here.without(facet, value).search)


def _date_words(value: str) -> str:
    since, to, until = value.partition(_TO)
    if not (to and since):
        return f"to {until}" if to else since
    return f"{since} to {until}" if until else f"from {since}"


def _group(
    facet: str, counts: Mapping[str, int], names: Mapping[str, str], here: Address
) -> FilterGroup:
    chosen = here.filters.get(facet, ())
    values = (
        FilterValue(
            text=names.get(value, value) if facet == DOCUMENT_FACET else value,
            count=f"{number:,}",
            href=(
                here.without(facet, value) if value in chosen else here.keeping(facet, value)
            ).search,
            active=value in chosen,
        )
        for value, number in list(counts.items())[:_MOST_VALUES]
    )
    return FilterGroup(_NAMES.get(facet, capitalise(facet)), tuple(values))


def _dates(choices: FilterChoices, documents: int, here: Address) -> DateFilterView | None:
    if choices.earliest is None or choices.latest is None:
        return None
    since, _, until = here.filters.get(DATE, ("",))[0].partition(_TO)
    hint = f"Reports are dated {choices.earliest} to {choices.latest}"
    if choices.undated:
        hint += f"; {choices.undated:,} of {count(documents, 'report')} without a date are left out"
    others = {facet: values for facet, values in here.filters.items() if facet != DATE}
    return DateFilterView(replace(here, filters=others).search, since, until, f"{hint}.")
