from __future__ import annotations

import os
import re
import zlib
from pathlib import Path

import msgspec
import pypdfium2 as pdfium
import pytest

from qa_app.chunking import chunk
from qa_app.citations import label
from qa_app.errors import BrokenFileError, NoTextError
from qa_app.loading.pages import Box, boxes, render_page
from qa_app.loading.pdf.loader import describe_pages, load_pdf
from qa_app.models import Document

Text = tuple[float, float, float, str, str]  # x, y, size, font, words
PLAIN, BOLD = "F1", "F2"


def make_pdf(
    pages: list[list[Text]], info: str = "", rotate: int = 0, matrix: str = "1 0 0 1"
) -> bytes:
    """Return a PDF with the words at their places, in Helvetica, on pages of 600 by 800 points."""
    kids = " ".join(f"{5 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
    ]
    for i, texts in enumerate(pages):
        stream = "\n".join(
            f"BT /{font} {size} Tf {matrix} {x} {y} Tm ({words}) Tj ET"
            for x, y, size, font, words in texts
        )
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Rotate {rotate} /Resources "
            f"<< /Font << /F1 3 0 R /F2 4 0 R >> >> /Contents {6 + 2 * i} 0 R >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects.append(f"<< {info} >>")
    content = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    number = len(objects)
    trailer = f"trailer\n<< /Size {number + 1} /Root 1 0 R /Info {number} 0 R >>\nstartxref\n"
    head = f"xref\n0 {number + 1}\n0000000000 65535 f \n"
    return content + f"{head}{table}{trailer}{len(content)}\n%%EOF".encode()


def column(
    lines: list[str], x: float = 72, top: float = 700, size: float = 10, font: str = PLAIN
) -> list[Text]:
    return [(x, top - 12 * i, size, font, words) for i, words in enumerate(lines)]


def load(pages: list[list[Text]], info: str = "") -> Document:
    return load_pdf("report.pdf", make_pdf(pages, info))


def outline(document: Document) -> list[tuple[str, int, str | None, str]]:
    return [
        (block.kind.value, block.level, block.label, document.text[block.start : block.end])
        for block in document.blocks
    ]


def words_of(document: Document) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks]


BODY = [
    "The partnership agreed in March that all of the four councils would",
    "share what they know about the roads, and that the commissioner is",
    "to report on it every year.",
]


def test_headings_paragraphs_and_bullets_are_told_apart_by_their_type() -> None:
    page = [
        (72, 740, 20, BOLD, "Annual report"),
        *column(BODY),
        (72, 640, 13, BOLD, "Findings"),
        *column(
            ["3.12 Data is shared by all of the partners in the whole county and", "by us."],
            top=610,
        ),
        *column(["• One thing was done", "• Another was not"], top=570),
    ]
    assert outline(load([page])) == [
        ("heading", 1, None, "Annual report"),
        ("paragraph", 0, None, " ".join(BODY)),
        ("heading", 2, None, "Findings"),
        (
            "paragraph",
            0,
            "3.12",
            "Data is shared by all of the partners in the whole county and by us.",
        ),
        ("list_item", 1, None, "One thing was done"),
        ("list_item", 1, None, "Another was not"),
    ]


def test_a_number_glued_to_a_paragraph_is_its_number_whatever_went_before() -> None:
    lines = [
        "1. It opens here.",
        "57.A request may follow.",
        "58.NHS staff may ask.",
        "12. It was.",
    ]
    page = [(72, 700 - 30 * i, 10, PLAIN, line) for i, line in enumerate(lines)]
    assert outline(load([page])) == [
        ("paragraph", 0, "1", "It opens here."),
        ("paragraph", 0, "57", "A request may follow."),
        ("paragraph", 0, "58", "NHS staff may ask."),
        ("paragraph", 0, None, "12. It was."),
    ]


def test_marks_of_another_size_or_type_do_not_part_a_block() -> None:
    page = [
        *column(BODY),
        (72, 640, 16, PLAIN, "•"),
        (82, 640, 10, BOLD, "Sharing"),
        (126, 640, 10, PLAIN, "what is known about roads with the"),
        *column(["neighbours, as was agreed.", "10.The board meets in May."], top=628, x=82),
        (72, 100, 5, PLAIN, "17"),
        (79, 100, 8, PLAIN, "The minutes say that all four councils and the"),
        (72, 91, 8, PLAIN, "commissioner were there."),
    ]
    assert outline(load([page]))[1:] == [
        (
            "list_item",
            1,
            None,
            "Sharing what is known about roads with the neighbours, as was agreed.",
        ),
        ("paragraph", 0, "10", "The board meets in May."),
        (
            "footnote",
            0,
            "17",
            "The minutes say that all four councils and the commissioner were there.",
        ),
    ]


def test_words_broken_at_a_line_end_are_joined_and_true_hyphens_kept() -> None:
    lines = ["It is evidence-based work that every one of the part-", "ners took up as evidence-"]
    document = load([column([*lines, "based work of theirs."])])
    assert words_of(document) == [
        "It is evidence-based work that every one of the partners took up as evidence-based work "
        "of theirs."
    ]


def test_hyphens_stay_before_and_within_numbers() -> None:
    lines = ["It treats the pre-", "and post-war years, that is the years 1938-", "1946, as one."]
    assert words_of(load([column(lines)])) == [
        "It treats the pre- and post-war years, that is the years 1938-1946, as one."
    ]


def test_the_hyphen_behind_an_acronym_stays_at_a_line_end() -> None:
    lines = ["The first rocket that was UK-", "launched was launched in the UK in May."]
    assert words_of(load([column(lines)])) == [
        "The first rocket that was UK-launched was launched in the UK in May."
    ]


def test_a_gap_too_narrow_for_pdfium_parts_words() -> None:
    glued = [(72, 700, 10, PLAIN, "Best"), (93.6, 700, 10, PLAIN, "Practices")]
    glued += [(145, 700, 10, PLAIN, "are"), (168, 700, 10, PLAIN, "shared")]
    assert words_of(load([glued])) == ["Best Practices are shared"]


def test_the_last_letter_of_a_widely_set_word_stays_with_it() -> None:
    wide = "F1 10 Tf 2.5 Tc /F1"  # as text is spread under a scan
    page = [(72, 700, 10, wide, "Vist"), (98.67, 700, 10, wide, "a "), (120, 700, 10, wide, "Park")]
    assert words_of(load([[*page, (160, 700, 10, wide, "of our own")]])) == [
        "Vista Park of our own"
    ]


def raise_parts(words: str) -> str:
    """Return words of 10 points whose parts between ^ are raised and small, those between _ low."""
    for sign, rise in ((r"\^", 3.5), ("_", -2)):
        small = rf") Tj /F1 6 Tf {rise} Ts (\1) Tj /F1 10 Tf 0 Ts ("
        words = re.sub(f"{sign}(.+?){sign}", small, words)
    return words


def test_references_to_notes_are_no_part_of_the_text(tmp_path: Path) -> None:
    lines = [
        "It was the last resort\\224.^26^ Due process of the force^7, 8^ was used for",
        "the UK.^69^ Of 217,000^\\206^ people in 2019^3^, half were on average 17.8^51^ years",
        "old when the Act^9)^ was passed.^101^ ^102^ The rest of them were older.^4^",
    ]
    page = [
        *column([raise_parts(line) for line in lines]),
        (72, 100, 5, PLAIN, "26"),
        (79, 98, 8, PLAIN, "Written evidence from the force."),
    ]
    document = load([page])
    assert outline(document) == [
        (
            "paragraph",
            0,
            None,
            "It was the last resort”. Due process of the force was used for the UK. Of 217,000 "
            "people in 2019, half were on average 17.8 years old when the Act was passed. The "
            "rest of them were older.",
        ),
        ("footnote", 0, "26", "Written evidence from the force."),
    ]
    path = tmp_path / "report.pdf"
    path.write_bytes(make_pdf([page]))
    for quote in (
        "resort”. Due process",
        "the force was used",
        "UK. Of 217,000 people in 2019",
    ):
        assert read_back(path, document, quote) == quote


@pytest.mark.parametrize(
    "words",
    [
        "30 km^2^ of land and 3 m^3^ of earth",
        "kept at 10^-6^ grams of it",
        "some 10^6^ people, or 10^12^ of them",
        "on the 1^st^ of May",
        "a fit of R^2^ was found",
        "take 5 and ^1^/2 of it",
        "a mean of 0.45^**^ is significant",
        "the gas CO_2_ is there",
        "a page of 25^2^ letters",
    ],
)
def test_raised_and_lowered_figures_that_are_no_references_stay(words: str) -> None:
    (found,) = words_of(load([column([raise_parts(words)])]))
    # PDFium puts a blank behind a figure that is raised.
    assert found.replace(" ", "") == re.sub("[ ^_]", "", words)


def test_headings_that_count_up_with_the_pages_are_no_running_headers() -> None:
    pages = [
        [
            (72, 730, 12, BOLD, f"Recommendation {i + 3}"),
            *column(BODY),
            (290, 30, 9, PLAIN, str(i + 1)),
        ]
        for i in range(8)
    ]
    pages[5:] = [[text for text in page if "Recom" not in text[4]] for page in pages[5:]]
    document = load(pages)
    assert document.text.count("Recommendation") == 5
    assert document.page_labels == tuple("12345678")


def test_running_headers_go_and_printed_page_numbers_are_kept() -> None:
    pages = [
        [
            (72, 770, 9, PLAIN, "Annual report of the council"),
            *column([f"Page words number {word} stand here."], top=600),
            (72, 730, 10, PLAIN, f"Recommendation {i * i + 3}"),
            (290, 30, 9, PLAIN, str(i + 9)),
        ]
        for i, word in enumerate(["one", "two", "three", "four"])
    ]
    document = load(pages)
    assert [words for words in words_of(document) if not words.startswith("Recommendation")] == [
        f"Page words number {word} stand here." for word in ("one", "two", "three", "four")
    ]
    assert document.text.count("Recommendation") == 4
    assert document.page_labels == ("9", "10", "11", "12")
    assert [document.page_at(document.text.index(w)) for w in ("one", "two", "four")] == [1, 2, 4]


def test_columns_are_read_one_after_the_other_even_where_the_file_mixes_them() -> None:
    left = [f"left column has line {word} of its text" for word in ("a", "b", "c", "d", "e")] * 2
    right = [line.replace("left", "right") for line in left]
    mixed = [t for pair in zip(column(left), column(right, x=330), strict=True) for t in pair]
    text = load([mixed]).text
    assert text.rindex("left") < text.index("right")


def test_three_columns_whose_lines_stand_at_different_heights_are_parted() -> None:
    columns = [
        [(x, 700 - 12 * i - shift, 8, PLAIN, f"{name} column tells line {i} of its own story")
         for i in range(20)]
        for name, x, shift in (("first", 30, 0), ("second", 220, 3), ("third", 410, 0))
    ]  # fmt: skip
    mixed = [text for row in zip(*columns, strict=True) for text in row]
    text = load([mixed]).text
    assert text.rindex("first") < text.index("second") < text.rindex("second") < text.index("third")


def test_a_file_that_draws_its_title_last_is_read_from_the_top() -> None:
    page = [*column(BODY), (72, 740, 10, PLAIN, "It opens here, above all of the other words.")]
    assert words_of(load([page]))[0].startswith("It opens here")


def test_notes_stand_apart_and_a_paragraph_runs_on_over_the_page() -> None:
    first = [*column(BODY[:2]), (72, 60, 7, PLAIN, "1 Written evidence from the council.")]
    document = load([first, column(["to report on it every year."])])
    assert outline(document) == [
        ("footnote", 0, "1", "Written evidence from the council."),
        ("paragraph", 0, None, " ".join(BODY)),
    ]
    assert document.page_at(document.text.index("share what")) == 1
    assert document.page_at(document.text.index("to report")) == 2


def test_table_rows_are_blocks_with_their_cells_apart() -> None:
    rows = [("Force", "Officers"), ("Northshire", "1,204"), ("Southshire", "980")]
    page = [
        (x, 700 - 14 * i, 10, PLAIN, cell)
        for i, row in enumerate(rows)
        for x, cell in zip((72, 300), row, strict=True)
    ]
    document = load([page])
    assert outline(document) == [
        ("caption", 0, None, "Force Officers"),
        ("table_row", 0, None, "Northshire\t1,204"),
        ("table_row", 0, None, "Southshire\t980"),
    ]
    (passage,) = chunk(document, lambda texts: [len(text.split()) for text in texts])
    lead_ins = [sentence.lead_in for sentence in passage.sentences[1:]]
    assert [passage.slice(*span) for span in lead_ins if span] == ["Force Officers"] * 2


def test_title_author_and_date_say_where_they_were_read() -> None:
    page = [(72, 740, 20, BOLD, "Annual report"), *column([*BODY, "Published 4 May 2025."])]
    info = "/Title (Annual report) /Author (A council) /CreationDate (D:20240102)"
    document = load([page], info)
    assert document.title == "Annual report"
    assert [(fact.name, fact.value, fact.origin) for fact in document.metadata] == [
        ("title", "Annual report", "document properties"),
        ("author", "A council", "document properties"),
        ("date", "2025-05-04", "page 1"),
    ]
    assert load([page], "/Title (report_final.docx)").metadata[0].origin == "page 1"


def test_a_title_of_many_lines_on_a_cover_is_found() -> None:
    lines = [
        "Government response to",
        "the committee on space",
        "in its second report",
        "of the session",
        "on ‘Act Now",
        "or Lose Out’",
    ]
    cover = [(72, 700 - 30 * i, 24, PLAIN, line) for i, line in enumerate(lines)]
    document = load([cover, column(BODY)], "/Title ()")
    assert document.title == " ".join(lines)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_boxes_hold_exactly_the_words_of_a_quote(tmp_path: Path, rotate: int) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(make_pdf([column(BODY), column(["A second page."])], rotate=rotate))
    document = load_pdf("report.pdf", path.read_bytes())
    start = document.text.index("all of")
    end = document.text.index(", and that")
    found = boxes(document, path, start, end)
    assert [box.page for box in found] == [1, 1]
    pdf = pdfium.PdfDocument(path)
    page = pdf[0]
    width, height = page.get_size()
    if rotate == 0:
        words = " ".join(
            page.get_textpage()
            .get_text_bounded(
                box.x0 * width - 0.1,
                (1 - box.y1) * height - 0.1,
                box.x1 * width + 0.1,
                (1 - box.y0) * height + 0.1,
            )
            .strip()
            for box in found
        )
        assert words == document.text[start:end]
    image = page.render().to_pil().convert("L")
    for box in found:
        area = (box.x0 * width, box.y0 * height, box.x1 * width, box.y1 * height)
        assert min(image.crop(tuple(map(round, area))).tobytes()) < 100
    pdf.close()


def read_back(path: Path, document: Document, quote: str) -> str:
    """Return what PDFium finds inside the boxes around a quote; U+0002 is its broken hyphen."""
    start = document.text.index(quote)
    with pdfium.PdfDocument(path) as pdf:
        words = [
            pdf[box.page - 1]
            .get_textpage()
            .get_text_bounded(box.x0 * 600, 800 - box.y1 * 800, box.x1 * 600, 800 - box.y0 * 800)
            for box in boxes(document, path, start, start + len(quote))
        ]
    return " ".join(" ".join(words).replace("\x02", "-").split())


def test_boxes_hold_the_true_hyphen_at_a_line_end_and_no_letters_of_other_lines(
    tmp_path: Path,
) -> None:
    path = tmp_path / "report.pdf"
    close = [
        (72, 600 - 8 * i, 12, PLAIN, words) for i, words in enumerate(["gyp jug", "Hilly bid"])
    ]
    lines = ["It is work that every one of the partners took up as Horizon-", "Related work."]
    path.write_bytes(make_pdf([[*column(lines), *close]]))
    document = load_pdf("report.pdf", path.read_bytes())
    assert read_back(path, document, "as Horizon-Related work.") == "as Horizon- Related work."
    assert read_back(path, document, "gyp jug") == "gyp jug"
    assert read_back(path, document, "Hilly bid") == "Hilly bid"


def test_boxes_of_sideways_lines_hold_no_other_line(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    # Lines that run up the page, as on a table's page that is turned to be read.
    lines = [(100 + 12 * i, 72, 10, PLAIN, words) for i, words in enumerate(BODY)]
    path.write_bytes(make_pdf([lines], matrix="0 1 -1 0"))
    document = load_pdf("report.pdf", path.read_bytes())
    quote = "would share what they know"
    assert read_back(path, document, quote) == quote


@pytest.mark.parametrize(
    ("matrix", "along", "down"),
    [("0 1 -1 0", (0, 1), (1, 0)), ("0 -1 1 0", (0, -1), (-1, 0))],
)
def test_a_page_set_sideways_keeps_its_order_and_its_tables(
    matrix: str, along: tuple[int, int], down: tuple[int, int]
) -> None:
    rows = [["Towns", "Visitors"], ["York city", "12 people"], ["Leeds city", "9 people"]]
    texts = [
        (
            300 + 150 * column * along[0] + 12 * row * down[0],
            400 + 150 * column * along[1] + 12 * row * down[1],
            10,
            PLAIN,
            words,
        )
        for row, cells in enumerate(rows)
        for column, words in enumerate(cells)
    ]
    document = load_pdf("report.pdf", make_pdf([texts], matrix=matrix))
    assert words_of(document) == ["Towns Visitors", "York city\t12 people", "Leeds city\t9 people"]


def test_boxes_leave_out_what_stands_in_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    # The star is too small to be read, and so is no part of the line.
    texts = [(72, 700, 10, PLAIN, "Roads"), (300, 700, 10, PLAIN, "Rivers")]
    path.write_bytes(make_pdf([[*texts, (200, 700, 1.5, PLAIN, "*")]]))
    document = load_pdf("report.pdf", path.read_bytes())
    assert read_back(path, document, "Roads Rivers") in {"Roads Rivers", "RoadsRivers"}


def test_characters_without_a_meaning_do_not_shift_the_places_of_others(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(make_pdf([column(["\\000" * 40 + "Roads are safe.", "Rivers are not."])]))
    document = load_pdf("report.pdf", path.read_bytes())
    assert read_back(path, document, "are safe. Rivers") == "are safe. Rivers"


def test_slanted_letters_are_no_slanted_line() -> None:
    lines = column(BODY)
    upright = make_pdf([lines])
    document = load_pdf("report.pdf", upright.replace(b"1 0 0 1 72 688", b"1 0 .3 1 72 688"))
    assert words_of(document) == [" ".join(BODY)]


def test_a_document_without_places_has_no_boxes(tmp_path: Path) -> None:
    assert boxes(Document("a.txt", "text", "A", "Words", ()), tmp_path / "none", 0, 5) == []


def test_a_page_is_rendered_as_png_and_another_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(make_pdf([column(BODY)]))
    image = render_page(path, 1, scale=0.5)
    assert image.startswith(b"\x89PNG")
    assert (int.from_bytes(image[16:20], "big"), int.from_bytes(image[20:24], "big")) == (300, 400)
    with pytest.raises(ValueError, match="pages 1 to 1, not 2"):
        render_page(path, 2)


def make_scan() -> bytes:
    """Return a PDF of one page with nothing but an image on it."""
    pixels = zlib.compress(b"\0" * 64)
    image = b"q 100 0 0 100 0 0 cm BI /W 8 /H 8 /CS /G /BPC 8 /F /Fl ID " + pixels + b" EI Q"
    content = make_pdf([[(0, 0, 1, PLAIN, "#" * len(image))]])
    start = content.index(b"BT /F1")
    end = content.index(b"ET\n", start) + 2
    return content[:start] + image + b" " * (end - start - len(image)) + content[end:]


def test_text_beside_the_page_is_not_read() -> None:
    assert words_of(load([[(620, 700, 10, PLAIN, "Beside it."), *column(["On it."])]])) == [
        "On it."
    ]


def test_files_without_text_say_why() -> None:
    broken = make_pdf([column(BODY)]).replace(
        b"/Type /Page /Parent 2 0 R", b"/Type /Font /Old 5 0 R  "
    )
    with pytest.raises(BrokenFileError, match="pages are damaged"):
        load_pdf("a.pdf", broken)
    drawn = make_scan().replace(b"BI /W 8 /H 8", b"0 0 9 9 re S")
    with pytest.raises(NoTextError, match="images or drawings without a text layer"):
        load_pdf("a.pdf", drawn)
    with pytest.raises(NoTextError, match="pages are empty"):
        load([[]])
    with pytest.raises(BrokenFileError, match="damaged"):
        load_pdf("a.pdf", b"%PDF-1.7 and nothing more")
    with pytest.raises(NoTextError, match="images or drawings without a text layer") as caught:
        load_pdf("a.pdf", make_scan())
    # Who has the command line is told what to type, who has the page alone whom to ask.
    assert "whoever builds the index" in caught.value.hint
    assert "qa-app build --ocr" in caught.value.hint


def test_words_read_by_ocr_are_marked_and_have_boxes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A page of 600 by 800 points is read as an image of 2500 by 3334 pixels.
    words = [("Redress", 250, 1000), ("comes", 500, 1002), ("soon.", 250, 1060), ("~", 0, 0)]
    rows = [
        f"1\t1\t{i // 2 + 1}\t{x}\t{y}\t200\t50\t{5 if word == '~' else 90}\t{word}"
        for i, (word, x, y) in enumerate(words)
    ]
    table = "\n".join(["block_num\tpar_num\tline_num\tleft\ttop\twidth\theight\tconf\ttext", *rows])
    program = tmp_path / "tesseract"
    program.write_text(f"#!/bin/sh\ncat > /dev/null\ncat <<'END'\n{table}\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    path = tmp_path / "scan.pdf"
    path.write_bytes(make_scan())
    document = load_pdf("scan.pdf", path.read_bytes(), ocr=True)
    assert words_of(document) == ["Redress comes soon."]
    assert document.warnings == ("page 1 was read by OCR",)
    (passage,) = chunk(document, lambda texts: [1] * len(texts))
    assert label(passage) == "Scan, p. 1 (OCR)"
    found = boxes(document, path, 0, len("Redress comes"))
    assert found == [Box(1, 0.1, 0.29994, 0.18, 0.31494), Box(1, 0.2, 0.30054, 0.28, 0.31554)]
    assert msgspec.json.decode(msgspec.json.encode(document), type=Document) == document


def test_pages_are_named_in_spans() -> None:
    assert describe_pages([11, 12, 13, 19]) == "pages 12 to 14 and 20"
    assert describe_pages([4]) == "page 5"
