"""Markdown: structure from a CommonMark parser, text as the file has it."""

from __future__ import annotations

import re
from dataclasses import replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

from qa_app.loading.metadata import collect, title_from_path
from qa_app.loading.text import decode
from qa_app.models import Block, BlockKind, Document

_FRONT_MATTER = re.compile(
    r"^---[ \t]*\n((?:[ \t]*[\w-]+:.*\n|[ \t]+.*\n|[ \t]*\n)+?)---[ \t]*$", re.M
)
_FIELD = re.compile(r"^(title|author|publisher|date):[ \t]*[\"']?(.*?)[\"']?[ \t]*$", re.M)
_LABEL = re.compile(r"(\d{1,3}(?:\.\d{1,3})+)\.?[ \t]+(?=\S)")
_TAGS = re.compile(r"<!--.*?(?:-->|$)|</?\w[^>]*>", re.S)
_MARK = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+|[ \t]*#{1,6}[ \t]+|[ \t]*(?:>[ \t]?)+")
_CLOSING = re.compile(r"[ \t]+#+[ \t]*$")


def load_markdown(path: str, content: bytes) -> Document:
    """Return the document of a Markdown file; its text is the file's own."""
    text = decode(content)
    facts: dict[str, str] = {}
    titles: list[Block] = []
    for matter in _FRONT_MATTER.finditer(text):
        for field in _FIELD.finditer(text, matter.start(1), matter.end(1)):
            facts.setdefault(field[1], field[2])
            if field[1] == "title" and field[2]:
                titles.append(Block(field.start(2), field.end(2), BlockKind.HEADING, 1))
    blocks = sorted([*titles, *_find_blocks(text)], key=lambda block: block.start)
    top = [text[b.start : b.end] for b in blocks if b.kind is BlockKind.HEADING and b.level == 1]
    return Document(
        path=path,
        format="markdown",
        title=(top[0] if len(top) == 1 else "") or title_from_path(path),
        text=text,
        blocks=tuple(blocks),
        metadata=collect(*((name, facts.get(name), "front matter") for name in sorted(facts))),
    )


def _find_blocks(text: str) -> list[Block]:
    # Front matter is blanked, line for line, so that it is not read as a heading.
    source = _FRONT_MATTER.sub(lambda matter: "\n" * matter.group().count("\n"), text)
    starts = [0, *(match.end() for match in re.finditer("\n", text)), len(text) + 1]
    blocks: list[Block] = []
    lists = 0
    heading = 0
    for token in MarkdownIt("commonmark").enable("table").parse(source):
        if token.type in {"bullet_list_open", "ordered_list_open"}:
            lists += 1
        elif token.type in {"bullet_list_close", "ordered_list_close"}:
            lists -= 1
        elif token.type == "heading_open":
            heading = int(token.tag[1:])
        block = _block(text, token, starts, lists, heading)
        if token.type == "inline":
            heading = 0
        if block is not None and (not blocks or block.start >= blocks[-1].end):
            blocks.append(block)
    return blocks


def _block(text: str, token: Token, starts: list[int], lists: int, heading: int) -> Block | None:
    if token.map is None or token.type not in {
        "inline",
        "fence",
        "code_block",
        "html_block",
        "tr_open",
    }:
        return None
    start, end = starts[token.map[0]], min(starts[token.map[1]] - 1, len(text))
    if token.type == "fence":
        start = min(starts[token.map[0] + 1], end)
        end = max(start, text.rfind("\n", start, end)) if token.map[1] - token.map[0] > 1 else end
    if token.type == "html_block" and not _TAGS.sub("", text[start:end]).strip():
        return None
    while (mark := _MARK.match(text, start, end)) and token.type == "inline":
        start = mark.end()
    words = text[start:end]
    if heading:
        words = re.split(r"\n[ \t]*(?:=+|-+)[ \t]*$", _CLOSING.sub("", words))[0]
    start += len(words) - len(words.lstrip())
    end = start + len(words.strip())
    if start >= end:
        return None
    if heading:
        return Block(start, end, BlockKind.HEADING, heading)
    if token.type == "tr_open":
        return Block(start, end, BlockKind.TABLE_ROW)
    if lists:
        return Block(start, end, BlockKind.LIST_ITEM, lists)
    block = Block(start, end, BlockKind.PARAGRAPH)
    if label := _LABEL.match(text, start, end):
        block = replace(block, start=label.end(), label=label[1])
    return block
