from __future__ import annotations

from qa_app.loading.builder import describe_rows
from qa_app.loading.html import load_html
from qa_app.loading.markdown import load_markdown
from qa_app.models import Document


def outline(document: Document) -> list[tuple[str, int, str | None, str]]:
    return [
        (block.kind.value, block.level, block.label, document.text[block.start : block.end])
        for block in document.blocks
    ]


def html(body: str, head: str = "") -> Document:
    return load_html("page.html", f"<html><head>{head}</head><body>{body}</body></html>".encode())


def test_html_headings_paragraphs_and_nested_lists() -> None:
    document = html(
        "<h1>Report</h1><p>It  <b>opens</b>\nhere.<br>More.</p><h2>Findings</h2>"
        "<p>3.12 The board met.</p><ul><li>One<ul><li>Deeper</li></ul></li><li><p>Two</p></li></ul>"
    )
    assert document.title == "Report"
    assert outline(document) == [
        ("heading", 1, None, "Report"),
        ("paragraph", 0, None, "It opens here. More."),
        ("heading", 2, None, "Findings"),
        ("paragraph", 0, "3.12", "The board met."),
        ("list_item", 1, None, "One"),
        ("list_item", 2, None, "Deeper"),
        ("list_item", 1, None, "Two"),
    ]


def test_html_without_its_navigation_scripts_and_footer() -> None:
    document = html(
        "<header>Site</header><nav>Home</nav><div class='breadcrumb'>Path</div><script>x()</script>"
        "<style>p{}</style><p hidden>Not seen</p><!-- note --><p>Words.</p><footer>Terms</footer>"
    )
    assert [words for *_, words in outline(document)] == ["Words."]
    assert html("<footer>Only this.</footer>").text == "Only this.\n"
    assert html("<script>x()</script>").blocks == ()


def test_html_tables_are_rows_that_carry_their_headers() -> None:
    document = html(
        "<table><caption>Staff</caption><tr><th>Force</th><th>Officers</th></tr>"
        "<tr><td>North</td><td>12</td></tr><tr><td>South</td><td></td></tr></table>"
    )
    assert outline(document) == [
        ("caption", 0, None, "Staff"),
        ("table_row", 0, None, "Force: North; Officers: 12"),
        ("table_row", 0, None, "Force: South"),
    ]


def test_html_metadata_and_encoding() -> None:
    head = (
        "<meta charset='windows-1252'><title>Caf\u00e9 report</title>"
        "<meta name='author' content='A. Writer'>"
        "<meta property='article:published_time' content='2024-05-01T10:00'>"
    )
    page = f"<html><head>{head}</head><body><p>Caf\u00e9</p></body></html>".encode("cp1252")
    document = load_html("page.html", page)
    assert (document.title, document.text) == ("Café report", "Café\n")
    assert [(fact.name, fact.value, fact.origin) for fact in document.metadata] == [
        ("author", "A. Writer", "meta author"),
        ("date", "2024-05-01", "meta article:published_time"),
    ]


def test_html_that_is_nested_very_deeply_is_read_or_refused_cleanly() -> None:
    document = html("<div>" * 200 + "Deep words" + "</div>" * 200)
    assert document.text == "Deep words\n"


def test_markdown_is_read_without_its_marks() -> None:
    text = (
        "---\ntitle: The title\ndate: 2024-05-01\n---\n\n"
        "It *opens* [with a link](/a.html)\nhere.\n\n##Findings ##\n\n"
        "- One\n  - Deeper\n- Two\n\n> Quoted\n\n"
        "| A | B |\n|---|---|\n| 1 | 2 |\n\n3.12 A clause.\n\n<figure>Shown</figure>\n"
    )
    document = load_markdown("a.md", b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert document.title == "The title"
    assert outline(document) == [
        ("heading", 1, None, "The title"),
        ("paragraph", 0, None, "It opens with a link here."),
        ("heading", 2, None, "Findings"),
        ("list_item", 1, None, "One"),
        ("list_item", 2, None, "Deeper"),
        ("list_item", 1, None, "Two"),
        ("paragraph", 0, None, "Quoted"),
        ("table_row", 0, None, "A: 1; B: 2"),
        ("paragraph", 0, "3.12", "A clause."),
        ("paragraph", 0, None, "Shown"),
    ]
    assert [(fact.name, fact.value) for fact in document.metadata] == [
        ("date", "2024-05-01"),
        ("title", "The title"),
    ]


def test_a_markdown_file_of_several_pages_goes_by_the_one_it_is_called_after() -> None:
    pages = b"---\ntitle: Alpha\n---\n\nFirst.\n\n---\ntitle: User-centred design\n---\n\nSecond.\n"
    assert load_markdown("manual/user_centred-design.md", pages).title == "User-centred design"
    assert load_markdown("manual/the-team.md", pages).title == "The team"
    assert load_markdown("manual/NHS-guide.md", pages).title == "NHS guide"


def test_a_page_inside_a_markdown_file_is_headed_by_the_title_of_its_front_matter() -> None:
    document = load_markdown(
        "manual.md",
        b"---\ntitle: Alpha\n---\n\n{:.intro}\nFirst.\n\n## Outputs\n\nA test.\n\n"
        b"---\ntitle: Discovery\n---\n\n{% include menu.html %}\n\n# Discovery\n\n"
        b"# Timescales\n\nFour weeks.\n\n## Limits\n\nNone.\n",
    )
    assert outline(document) == [
        ("heading", 1, None, "Alpha"),
        ("paragraph", 0, None, "First."),
        ("heading", 2, None, "Outputs"),
        ("paragraph", 0, None, "A test."),
        ("heading", 1, None, "Discovery"),
        ("heading", 2, None, "Timescales"),
        ("paragraph", 0, None, "Four weeks."),
        ("heading", 3, None, "Limits"),
        ("paragraph", 0, None, "None."),
    ]


def test_a_markdown_file_that_opens_with_a_heading_goes_by_it() -> None:
    text = b"# Annual report 2024\n\nIt rose.\n\n# Findings\n\nIt fell.\n"
    assert load_markdown("final-v2.md", text).title == "Annual report 2024"


def test_rows_without_a_header_are_said_as_they_are() -> None:
    assert describe_rows([["1", "2"], ["3", "4"]]) == ["1; 2", "3; 4"]
    assert describe_rows([["", "2023", "2024"], ["York", "1", "2"]], header_rows=1) == [
        "York; 2023: 1; 2024: 2"
    ]
    assert describe_rows([["Name", "Rank"]]) == ["Name; Rank"]


def test_years_head_columns_and_codes_and_sentences_do_not() -> None:
    years = [["", "2023", "2024-25"], ["York", "1", "2"]]
    assert describe_rows(years) == ["York; 2023: 1; 2024-25: 2"]
    codes = [["Area", "E01023654"], ["Area", "E01023655"]]
    assert describe_rows(codes) == ["Area; E01023654", "Area; E01023655"]
    terms = [["Board", "Those who meet in May."], ["Chair", "Who leads it."]]
    assert describe_rows(terms) == ["Board; Those who meet in May.", "Chair; Who leads it."]
