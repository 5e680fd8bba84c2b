from __future__ import annotations

import os
from pathlib import Path

import pytest

from qa_app.errors import ConfigError, CorpusError, NoTextError
from qa_app.loading import load, scan
from qa_app.loading.metadata import is_named_after_file


def write(path: Path, words: str = "Some words.") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words, encoding="utf-8")
    return path


def test_reports_are_found_sorted_and_settings_are_not_reports(tmp_path: Path) -> None:
    for name in ("b.txt", "2024/a.md", "README.md", "facets.toml", "themes.toml", ".hidden.txt"):
        write(tmp_path / name)
    write(tmp_path / ".git" / "c.txt")
    write(tmp_path / "2024" / "README.md")
    found = scan(tmp_path)
    assert [file.path for file in found.files] == ["2024/README.md", "2024/a.md", "b.txt"]
    assert found.failures == ()
    assert found.files[2].size == len("Some words.")
    assert found.files[2].mtime_ns == (tmp_path / "b.txt").stat().st_mtime_ns


def test_files_that_cannot_be_read_are_named_with_their_reason(tmp_path: Path) -> None:
    outside = write(tmp_path / "secret.txt")
    corpus = tmp_path / "corpus"
    write(corpus / "ok.txt")
    write(corpus / "old.doc")
    write(corpus / "photo.jpg")
    (corpus / "out.txt").symlink_to(outside)
    (corpus / "in.txt").symlink_to(corpus / "ok.txt")
    (corpus / "gone.txt").symlink_to(corpus / "nothing.txt")
    (corpus / "loop").symlink_to(corpus)
    os.mkfifo(corpus / "pipe.txt")
    found = scan(corpus)
    assert [file.path for file in found.files] == ["in.txt", "ok.txt"]
    assert {failure.path: failure.reason for failure in found.failures} == {
        "gone.txt": "It is a link to a file that is not there.",
        "loop": "It is a link to a folder.",
        "old.doc": "It is an old Word file (.doc), which cannot be read.",
        "out.txt": "It is a link out of the corpus.",
        "photo.jpg": "Files ending in .jpg cannot be read.",
        "pipe.txt": "It is not a regular file.",
    }
    hints = {failure.path: failure.hint for failure in found.failures}
    assert hints["old.doc"] == "Convert it: soffice --headless --convert-to docx old.doc"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.txt", " \n\t\n"),
        ("a.md", "<!-- nothing -->\n"),
        ("a.rst", ".. note::\n"),
        ("a.html", "<script>x()</script>"),
        ("a.csv", ",\n,\n"),
    ],
)
def test_a_file_without_words_is_refused_whatever_its_format(
    tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / name).write_text(words)
    (source,) = scan(tmp_path).files
    with pytest.raises(NoTextError, match="no text"):
        load(source)


def test_a_missing_corpus_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no corpus folder"):
        scan(tmp_path / "nothing")


def test_metadata_toml_overrides_what_the_file_says(tmp_path: Path) -> None:
    write(tmp_path / "2024" / "a.md", "# Draft\n\nWords.")
    write(tmp_path / "metadata.toml", '["2024/a.md"]\ntitle = "Final"\ndate = 2024-05-01\n')
    (source,) = scan(tmp_path).files
    document = load(source)
    assert document.title == "Final"
    assert [(field.name, field.value, field.origin) for field in document.metadata] == [
        ("date", "2024-05-01", "metadata.toml"),
        ("title", "Final", "metadata.toml"),
    ]


@pytest.mark.parametrize(
    "words",
    [
        "title = ",
        '["a.md"]\ntitel = "x"\n',
        'title = "x"\n',
        '["a.md"]\ndate = "1 May 2024"\n',
    ],
)
def test_a_wrong_metadata_toml_is_refused(tmp_path: Path, words: str) -> None:
    write(tmp_path / "metadata.toml", words)
    with pytest.raises(ConfigError, match=r"metadata\.toml"):
        scan(tmp_path)


@pytest.mark.parametrize(
    ("words", "metadata", "title"),
    [
        ("# The Report\n\nIt was late.\n", "", "The Report (Leveson-vol1)"),
        ("# Volume 1\n\nIt was late.\n", "", "Volume 1 (Leveson-vol1)"),
        ("# Roads\n\nIt was late.\n", "", "Roads"),
        (
            "# The Report\n\nThe Orrin Fire Inquiry\n\nIt was late.\n",
            "",
            "The Report (The Orrin Fire Inquiry)",
        ),
        (
            "# Final report\n\nThe Orrin Fire Inquiry\n\nVolume II of four\n",
            "",
            "Final report (The Orrin Fire Inquiry, Volume II)",
        ),
        ("# The Report\n\nIt was late.\n", 'publisher = "A council"', "The Report (A council)"),
        ("# Roads\n\nIt was late.\n", 'title = "Report"', "Report"),
    ],
)
def test_a_title_that_many_reports_have_takes_what_tells_it_apart(
    tmp_path: Path, words: str, metadata: str, title: str
) -> None:
    write(tmp_path / "Leveson-vol1.md", words)
    if metadata:
        write(tmp_path / "metadata.toml", f'["Leveson-vol1.md"]\n{metadata}\n')
    (source,) = scan(tmp_path).files
    assert load(source).title == title


@pytest.mark.parametrize(
    "title", ["Leveson vol1", "The Report (Leveson_vol1)", "Report (Leveson_vol1, HC 780)"]
)
def test_titles_that_hold_the_name_of_the_file_are_known(title: str) -> None:
    assert is_named_after_file(title, "2012/Leveson_vol1.md")
    assert not is_named_after_file(title, "2012/other.md")
