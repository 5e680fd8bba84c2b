"""Rich Text as Word, LibreOffice and WordPad write it, shortened."""

from __future__ import annotations

import pytest

from qa_app.errors import BrokenFileError
from qa_app.loading.rtf import load_rtf
from qa_app.models import Document

WORD = r"""{\rtf1\adeflang1025\ansi\ansicpg1252\uc1\adeff0\deff0\stshfdbch0\deflang2057
{\fonttbl{\f0\fbidi \froman\fcharset0\fprq2{\*\panose 02020603050405020304}Times New Roman;}
{\f3\fbidi \froman\fcharset2\fprq2{\*\panose 05050102010706020507}Symbol;}}
{\colortbl;\red0\green0\blue0;}
{\stylesheet{\ql \li0\ri0\widctlpar\f0\fs24 \snext0 \sqformat \spriority0 Normal;}
{\s1\ql \keepn\sb240\outlinelevel0 \b\f0\fs32 \sbasedon0 \snext0 \slink15 \sqformat heading 1;}
{\s2\ql \keepn\sb240\outlinelevel1 \b\f0\fs28 \sbasedon0 \snext0 \sqformat heading 2;}
{\*\cs15 \additive \rtlch\fcs1 \af0 \ltrch\fcs0 \b\fs32 \sbasedon10 Heading 1 Char;}}
{\info{\title The force\rquote s caf\'e9s}{\author A. Writer}{\creatim\yr2024\mo5\dy1\hr9\min3}
{\*\company A council}}
{\header \pard\plain \ltrpar\s0 Not this.\par}
\pard\plain \ltrpar\s1\ql \keepn\sb240\outlinelevel0 \b\fs32
{\rtlch\fcs1 \af0 \ltrch\fcs0 Annual report}{\rtlch\fcs1 \af0 \ltrch\fcs0 \par }
\pard\plain \ltrpar\ql \li0\f0\fs24 {\rtlch\fcs1 \af0 \ltrch\fcs0 The board met in May\line
and agreed \ldblquote more\rdblquote  for \'a35 \u8211\'96 the caf\'e9.}{\par }
\pard\plain \ltrpar\s2\ql \outlinelevel1 \b\fs28 {\rtlch\fcs1 Findings\par }
\pard\plain \ltrpar\ql {\listtext\pard\plain\ltrpar \f3 \'b7\tab}
\ql \fi-360\li720\ls1 {\rtlch\fcs1 It rose.\par }
{\listtext\pard\plain\ltrpar \f3 \'b7\tab}{\rtlch\fcs1 It fell.\par }
\pard\plain \ltrpar {\field{\*\fldinst {HYPERLINK "https://example.org/a"}}{\fldrslt {the page}}}
{ says so.{\footnote \pard\plain A note.}\par }
{\pict{\*\picprop}\wmetafile8 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}
\trowd \irow0\irowband0\ltrrow\trgaph108\cellx4508\cellx9016
\pard\plain \ltrpar\ql \intbl {Town\cell Officers\cell }\pard\plain \ql \intbl
{\trowd \irow0\irowband0\ltrrow\trgaph108\cellx4508\cellx9016\row }
\pard\plain \ltrpar\ql \intbl {York\par and round it\cell 12\cell }\pard\plain \ql \intbl
{\trowd \irow1\irowband1\ltrrow\trgaph108\cellx4508\cellx9016\row }
\pard\plain \ltrpar\ql {The end.\par }
{\*\datastore 0105000002000000180000004d73786d6c322e534158584d4c5265616465722e362e30}}"""

OFFICE = r"""{\rtf1\ansi\deff3\adeflang1025
{\fonttbl{\f0\froman\fprq2\fcharset0 Times New Roman;}{\f3\froman\fcharset0 Liberation Serif;}}
{\stylesheet{\s0\snext0\widctlpar\ltrpar\cf0\fs24 Normal;}
{\s3\sbasedon15\snext16\ilvl0\outlinelevel0\sb240\sa120\keepn\b\fs36 Heading 1;}
{\s15\sbasedon0\snext16\sb240\fs28 Heading;}}
\formshade\paperh16838\paperw11906
\pard\plain \s3\ilvl0\outlinelevel0\sb240\sa120\keepn\b{\rtlch \ltrch Aims}
\par \pard\plain \s0\widctlpar {\rtlch \ltrch A short line}
\par \pard\plain \s0 {\rtlch \ltrch\loch Over\u8217\'92 \u-10179\'3f\u-8704\'3f there.}
\par }"""

WORDPAD = rb"""{\rtf1\ansi\ansicpg1251\deff0\nouicompat{\fonttbl{\f0\fnil\fcharset204 Calibri;}}
{\*\generator Riched20 10.0}\viewkind4\uc1
\pard\sa200\f0\fs22\lang1049 """ + (
    rb"\'cf\'f0\'e8\'e2\'e5\'f2, "
    + "мир и все вокруг него.".encode("cp1251")
    + rb"\par Summary\par The board met.\par}"
)


def outline(document: Document) -> list[tuple[str, int, str | None, str]]:
    return [
        (block.kind.value, block.level, block.label, document.text[block.start : block.end])
        for block in document.blocks
    ]


def test_word_headings_lists_and_tables() -> None:
    document = load_rtf("a.rtf", WORD.encode("ascii"))
    assert outline(document) == [
        ("heading", 1, None, "Annual report"),
        ("paragraph", 0, None, "The board met in May and agreed “more” for £5 – the café."),
        ("heading", 2, None, "Findings"),
        ("list_item", 1, None, "It rose."),
        ("list_item", 1, None, "It fell."),
        ("paragraph", 0, None, "the page says so."),
        ("table_row", 0, None, "Town: York and round it; Officers: 12"),
        ("paragraph", 0, None, "The end."),
    ]
    assert document.title == "The force’s cafés"
    assert [(fact.name, fact.value) for fact in document.metadata] == [
        ("title", "The force’s cafés"),
        ("author", "A. Writer"),
        ("publisher", "A council"),
        ("date", "2024-05-01"),
    ]


def test_libreoffice_headings_and_characters_in_halves() -> None:
    assert outline(load_rtf("a.rtf", OFFICE.encode("ascii"))) == [
        ("heading", 1, None, "Aims"),
        ("paragraph", 0, None, "A short line"),
        ("paragraph", 0, None, "Over’ 😀 there."),
    ]


def test_wordpad_names_no_headings_and_writes_in_a_windows_code_page() -> None:
    document = load_rtf("a.rtf", WORDPAD)
    assert outline(document) == [
        ("paragraph", 0, None, "Привет, мир и все вокруг него."),
        ("heading", 1, None, "Summary"),
        ("paragraph", 0, None, "The board met."),
    ]


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04", b"Words.", rb"{\rtf1\uc text}", rb"{\rtf1\u-999999 ?}"]
)
def test_what_is_no_rich_text_is_refused(content: bytes) -> None:
    with pytest.raises(BrokenFileError):
        load_rtf("a.rtf", content)


def test_an_unfinished_file_is_read_as_far_as_it_goes() -> None:
    assert load_rtf("a.rtf", WORD.encode("ascii")[:1800]).text.startswith("Annual report")
