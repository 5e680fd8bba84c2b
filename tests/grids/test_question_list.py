"""Lists of questions from files: text, and CSV with or without a heading."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa_app.errors import QueryError
from qa_app.grids.question_list import read_questions

TWO = ("Who pays, and why?", "When did it start?")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.txt", "# Area\n\nWho pays, and why?\r\n  When did   it start?\nWho pays, and why?"),
        ("list", "\ufeffWho pays, and why?\nWhen did it start?"),
        ("list.csv", 'No,Question\n1,"Who pays, and why?"\n2,When did it start?\n3,\n'),
        ("list.csv", 'Criterion;Area\n"Who pays, and why?";A\nWhen did it start?;B\n'),
        ("list.csv", '"Who pays, and why?"\nWhen did it start?\n'),
        ("list.tsv", "area\tquestion\nA\tWho pays, and why?\nB\tWhen did it start?\nC\n"),
    ],
)  # fmt: skip
def test_questions_are_read_in_order_each_once(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_bytes(content.encode())
    assert read_questions(tmp_path / name) == TWO


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.txt", None, "No such file"),
        ("empty.txt", b"# only a comment\n\n", "has no question"),
        ("empty.csv", b"", "has no question"),
        ("long.txt", b"Who?\n" + b"x" * 4_001, "line 2: The question has 4,001"),
        ("nul.txt", b"Who?\nW\0ho?", "NUL|cannot be read"),
        ("many.txt", "\n".join(f"Question {n}?" for n in range(501)).encode(), "500 are the most"),
        ("huge.txt", b"Who?\n" * 1_000_000, "too many"),
        ("quote.csv", b'question\n"' + b"x" * 200_000, "cannot be read: field larger"),
    ],
)
def test_a_bad_file_is_named_with_the_reason(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(QueryError, match=message) as caught:
        read_questions(tmp_path / name)
    assert name in caught.value.message
    assert caught.value.hint
