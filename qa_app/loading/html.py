"""HTML: headings, paragraphs, lists and tables of a page's main content, without navigation."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

from bs4 import BeautifulSoup, Tag, XMLParsedAsHTMLWarning
from bs4.element import NavigableString, PreformattedString

from qa_app.errors import BrokenFileError
from qa_app.loading.builder import DocumentBuilder, clean
from qa_app.loading.metadata import collect, iso_date
from qa_app.loading.plain import find_blocks
from qa_app.models import BlockKind, Document, MetadataField


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


# Tags whose content is not part of the text: code, menus, form controls and media.
_DROPPED = _names("script style noscript template nav svg math iframe object head select button")
_DROPPED |= _names("textarea canvas audio video map dialog")
# Page furniture, dropped unless it is inside an article or main element.
_FRAME = _names("header footer aside")
_ROLES = _names("navigation search banner contentinfo menu menubar")
# Classes and ids commonly given to menus and banners.
_MENU = re.compile(r"\b(?:nav|navbar|navigation|breadcrumbs?|skip-?link|cookie-?banner)\b", re.I)
# Tags that start and end a block; all others are inline.
_BLOCKS = _names("p div section article main body html blockquote ul ol li dl dt dd table tr td th")
_BLOCKS |= _names("thead tbody tfoot caption figure figcaption pre h1 h2 h3 h4 h5 h6 hr form")
_BLOCKS |= _names("fieldset address header footer aside center details summary legend option")
# Names of meta elements for each fact, the most reliable first.
_META = {
    "author": "author article:author dc.creator",
    "publisher": "publisher dc.publisher og:site_name",
    "date": "article:published_time dc.date dcterms.date date datepublished",
}
# A one-row table that contains any of these is used for layout only.
_LAYOUT = ["p", "div", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "pre"]


def load_html(path: str, content: bytes) -> Document:
    """Return the document of a web page, titled by its only h1, else its title element."""
    soup = parse_html(content)
    builder = DocumentBuilder(path, "html")
    add_html(builder, soup)
    heading = soup.find("h1")
    name = clean(soup.title.get_text()) if soup.title else ""
    title = clean(heading.get_text(" ")) if heading and len(soup.find_all("h1")) == 1 else name
    return builder.build(_metadata(soup), fallback=title or name)


def parse_html(content: bytes | str) -> BeautifulSoup:
    """Return the parsed tree of a page; the encoding is detected and broken markup tolerated.

    Raises:
        BrokenFileError: the parser rejects the page.
    """
    try:
        with warnings.catch_warnings():
            # XHTML is read as HTML on purpose.
            warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
            return BeautifulSoup(content, "lxml")
    except (AssertionError, ValueError) as exc:
        raise BrokenFileError(
            f"The page cannot be parsed: {exc}.", "Save it again from a browser."
        ) from exc


def add_html(builder: DocumentBuilder, soup: BeautifulSoup) -> None:
    """Add the blocks of a page.

    Only its main element is read where that has more than half of the text. Menus, headers and
    footers are dropped, unless nothing would be left.
    """
    root: Tag = soup.body or soup
    main = root.select_one("main, [role=main]")
    if main is not None and 2 * len(main.get_text()) > len(root.get_text()):
        root = main
    before = len(builder.blocks)
    _Walker(builder, drop_frame=True).walk(root)
    if len(builder.blocks) == before:
        _Walker(builder, drop_frame=False).walk(root)


class _Walker:
    """Walks a tree, collecting inline text until a block starts or ends."""

    def __init__(self, builder: DocumentBuilder, drop_frame: bool) -> None:
        self._builder = builder
        self._drop_frame = drop_frame
        self._inline: list[str] = []

    def walk(self, root: Tag) -> None:
        self._walk(root, BlockKind.PARAGRAPH, 0)
        self._flush(BlockKind.PARAGRAPH, 0)

    def _walk(self, tag: Tag, kind: BlockKind, level: int) -> None:
        for child in tag.children:
            if isinstance(child, Tag):
                if not self._is_dropped(child):
                    self._enter(child, kind, level)
            elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
                self._inline.append(str(child))

    def _enter(self, tag: Tag, kind: BlockKind, level: int) -> None:
        name = tag.name
        if name not in _BLOCKS:
            if name == "br":
                self._inline.append(" ")
            self._walk(tag, kind, level)
            return
        self._flush(kind, level)
        if name == "table" and not _is_layout(tag):
            self._add_table(tag)
        elif name == "pre":
            text = tag.get_text()
            self._builder.add_all(text, find_blocks(text), below=2)
        else:
            inner, depth = _role(name, kind, level)
            self._walk(tag, inner, depth)
            self._flush(inner, depth)

    def _flush(self, kind: BlockKind, level: int) -> None:
        words = clean("".join(self._inline))
        self._inline.clear()
        if any(c.isalnum() for c in words):
            self._builder.add(kind, words, level)

    def _add_table(self, table: Tag) -> None:
        rows = [row for row in table.find_all("tr") if isinstance(row, Tag)]
        caption = table.find("caption")
        if isinstance(caption, Tag):
            self._builder.add(BlockKind.CAPTION, caption.get_text(" "))
        header = 0
        for row in rows:
            in_head = row.parent is not None and row.parent.name == "thead"
            if not in_head and (row.find("td") or not row.find("th")):
                break
            header += 1
        cells = [list(_cells(row)) for row in rows]
        self._builder.add_table(cells, header or None)

    def _is_dropped(self, tag: Tag) -> bool:
        if tag.name in _DROPPED or tag.has_attr("hidden"):
            return True
        if not self._drop_frame:
            return False
        if tag.get("role") in _ROLES or tag.get("aria-hidden") == "true":
            return True
        if tag.name in _FRAME:
            return tag.find_parent(["article", "main"]) is None
        names = [*tag.get_attribute_list("class"), *tag.get_attribute_list("id")]
        return tag.name in {"div", "ul", "a", "p"} and any(_MENU.search(n) for n in names if n)


def _role(name: str, kind: BlockKind, level: int) -> tuple[BlockKind, int]:
    """Return the block kind and level of the text directly inside a block tag.

    ``kind`` and ``level`` are those of the enclosing block.
    """
    if len(name) == 2 and name[0] == "h" and name[1].isdigit():
        return BlockKind.HEADING, int(name[1])
    if name in {"ul", "ol"}:
        return BlockKind.LIST_ITEM, level + 1 if kind is BlockKind.LIST_ITEM else 1
    if name in {"caption", "figcaption"}:
        return BlockKind.CAPTION, 0
    if name == "dd":
        return BlockKind.LIST_ITEM, 1
    return (kind, level) if kind is not BlockKind.HEADING else (BlockKind.PARAGRAPH, 0)


def _is_layout(table: Tag) -> bool:
    """Tell whether a table is used for layout rather than data."""
    if table.get("role") == "presentation" or table.find("table"):
        return True
    rows = table.find_all("tr")
    widest = max(
        (len(row.find_all(["td", "th"])) for row in rows if isinstance(row, Tag)), default=0
    )
    return widest < 2 or (len(rows) < 2 and table.find(_LAYOUT) is not None)


def _cells(row: Tag) -> Iterator[str]:
    for cell in row.find_all(["td", "th"], recursive=False):
        if isinstance(cell, Tag):
            span = str(cell.get("colspan", "1"))
            yield from [cell.get_text(" ")] * (min(int(span), 50) if span.isdecimal() else 1)


def _metadata(soup: BeautifulSoup) -> tuple[MetadataField, ...]:
    named: dict[str, str] = {}
    for tag in soup.find_all("meta"):
        key = str(tag.get("name") or tag.get("property") or tag.get("itemprop") or "").lower()
        named.setdefault(key, str(tag.get("content") or ""))
    return collect(
        *(
            (name, iso_date(named.get(key)) if name == "date" else named.get(key), f"meta {key}")
            for name, keys in _META.items()
            for key in keys.split()
        )
    )
