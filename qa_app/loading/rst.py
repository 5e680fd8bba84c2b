"""reStructuredText: headings from their underlines, the rest as plain text."""

from __future__ import annotations

import re
from dataclasses import replace

from qa_app.loading.metadata import title_from_path
from qa_app.loading.text import decode, find_blocks
from qa_app.models import Block, BlockKind, Document

_HEADING = re.compile(
    r"^(?:(?P<over>[=\-`:.'\"~^_*+#])(?P=over){2,}[ \t]*\n)?"
    r"[ \t]*(?P<words>\S[^\n]*)\n(?P<under>[=\-`:.'\"~^_*+#])(?P=under){2,}[ \t]*$",
    re.MULTILINE,
)
_DIRECTIVE = re.compile(r"^[ \t]*\.\. .*\n(?:[ \t]+\S.*\n|[ \t]*\n(?=[ \t]+\S))*", re.MULTILINE)


def load_rst(path: str, content: bytes) -> Document:
    """Return the document of a reStructuredText file; its text is the file's own."""
    text = decode(content)
    headings: list[Block] = []
    styles: list[str] = []
    # Blanked in place, so that what is left keeps its offsets.
    rest = _DIRECTIVE.sub(_blank, text)
    for match in _HEADING.finditer(rest):
        style = (match["over"] or "") + match["under"]
        if style not in styles:
            styles.append(style)
        start, end = match.start("words"), match.start("words") + len(match["words"].rstrip())
        headings.append(Block(start, end, BlockKind.HEADING, styles.index(style) + 1))
    rest = _HEADING.sub(_blank, rest)
    others = [
        # A line is a heading only where it is underlined.
        replace(block, kind=BlockKind.PARAGRAPH, level=0)
        if block.kind is BlockKind.HEADING
        else block
        for block in find_blocks(rest)
    ]
    blocks = sorted([*headings, *others], key=lambda block: block.start)
    top = [text[block.start : block.end] for block in headings if block.level == 1]
    title = top[0] if len(top) == 1 else title_from_path(path)
    return Document(path=path, format="rst", title=title, text=text, blocks=tuple(blocks))


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match.group())
