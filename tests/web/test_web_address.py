import pytest

from qa_app.models import Place
from qa_app.web.address import Address, Form, View, parse_address


def test_a_question_and_an_open_source_make_a_readable_query_string() -> None:
    address = Address(question="which forces share data?", document="a/b c.txt", span=(10, 25))
    assert address.search == "?q=which+forces+share+data?&doc=a/b+c.txt&at=10-25"


def test_the_front_page_has_no_query_string() -> None:
    assert Address().search == ""


@pytest.mark.parametrize(
    "address",
    [
        Address(question="a+b & c=d? #e, 100% «é»"),
        Address(question="q", document="x.txt", span=(0, 3), part=2),
        Address(question="q", filters={"force": ("Avon and Somerset", "Kent"), "year": ("2024",)}),
        Address(view=View.SOURCES, document="x.txt"),
        Address("q", document="x.pdf", span=(1, 2), part=7, form=Form.TEXT),
        Address("q", document="x.pdf", find="data sharing"),
        Address(
            "q", like=Place("a@b/c d.txt", 1, 2), rejected=(Place("x", 3, 4), Place("y", 5, 6))
        ),
        Address("and Kent?", after="who leads Surrey?"),
    ],
)
def test_an_address_survives_the_way_through_the_query_string(address: Address) -> None:
    assert parse_address(address.search, facets={"force", "year"}) == address


@pytest.mark.parametrize(
    "search",
    [
        "?at=1-2",
        "?doc=&at=1-2",
        "?part=3",
        "?as=text",
        "?find=words",
        "?unknown=1",
        "?force=Kent",
        "?__theme=dark",
        "?show=x",
        "?like=x",
        "?like=x@9-1&not=x&not=@1-2",
        "?not=x@1-99999999999",
    ],
)
def test_what_is_not_understood_is_left_out(search: str) -> None:
    assert parse_address(search) == Address()


@pytest.mark.parametrize("span", ["5-5", "9-2", "a-b", "1", "-1-3", "1-9999999999", "١-٢x"])
def test_a_span_that_is_none_is_left_out(span: str) -> None:
    assert parse_address(f"?doc=x.txt&at={span}") == Address(document="x.txt")


def test_a_thousand_fields_are_not_ours() -> None:
    assert parse_address("?" + "&".join(f"q={n}" for n in range(1000))) == Address()


def test_another_question_keeps_the_filters_and_closes_the_source() -> None:
    address = Address("old", document="x.txt", span=(1, 2), filters={"force": ("Kent",)})
    assert address.asking("new").search == "?q=new&force=Kent"


def test_a_filter_goes_on_and_comes_off() -> None:
    kent = Address("q").toggling("force", "Kent")
    assert kent.search == "?q=q&force=Kent"
    assert kent.toggling("force", "Kent") == Address("q")
    assert kent.toggling("force", "Avon").toggling("force", "Kent").search == "?q=q&force=Avon"
    assert kent.without("force") == Address("q")
