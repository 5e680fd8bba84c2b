"""Settings: file, environment and flags, in that order; unknown names refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa_app.errors import ConfigError
from qa_app.settings import DatabaseUrl, Settings, index_location, load_settings


def test_defaults(tmp_path: Path) -> None:
    assert load_settings({}, {}, tmp_path / "qa_app.toml") == Settings()


def test_flags_win_over_environment_over_file(tmp_path: Path) -> None:
    file = tmp_path / "qa_app.toml"
    file.write_text('port = 1\nhost = "a"\nlanguage = "german"\n')
    settings = load_settings(
        {"port": 3, "host": None}, {"QA_APP_PORT": "2", "QA_APP_HOST": "b", "HOME": "/x"}, file
    )
    assert (settings.port, settings.host, settings.language) == (3, "b", "german")


def test_kinds_are_converted() -> None:
    settings = load_settings({}, {"QA_APP_OCR": "yes", "QA_APP_INDEX": "here", "QA_APP_TOP_K": "3"})
    assert (settings.ocr, settings.index, settings.top_k) == (True, Path("here"), 3)


def test_numbers_and_paths_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "qa_app.toml"
    file.write_text('corpus = "reports"\nocr = true\ntop_k = 3\n')
    settings = load_settings({"index": Path("here")}, {}, file)
    assert (settings.corpus, settings.ocr, settings.top_k) == (Path("reports"), True, 3)
    assert settings.index == Path("here")


@pytest.mark.parametrize("line", ["top_k = 2.5", "top_k = true", "model = 3", "index = 3"])
def test_a_value_of_another_kind_is_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "qa_app.toml"
    file.write_text(line)
    with pytest.raises(ConfigError, match=rf"qa_app\.toml: .* is no value for {line.split()[0]}"):
        load_settings({}, {}, file)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"QA_APP_PROT": "1"}, "no setting 'prot'"),
        ({"QA_APP_PORT": "many"}, "'many' is no value for port"),
        ({"QA_APP_TOP_K": "0"}, "'0' is no value for top_k"),
        ({"QA_APP_OCR": "perhaps"}, "'perhaps' is no value for ocr"),
    ],
)
def test_slips_are_refused_by_name(environment: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        load_settings({}, environment)
    assert caught.value.hint


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "qa_app.toml"
    file.write_text("port = = 1")
    with pytest.raises(ConfigError, match=r"qa_app\.toml cannot be read"):
        load_settings({}, {}, file)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:secret@db.example/reports", "postgresql://ann:***@db.example/reports"),
        (
            "postgres://ann:secret@one:5432,two:5433/reports?sslmode=require",
            "postgres://ann:***@one:5432,two:5433/reports?sslmode=require",
        ),
        ("postgresql://ann:se#c?r:et@[::1]:5/reports", "postgresql://ann:***@[::1]:5/reports"),
        ("postgresql:///r?password=secret&user=ann", "postgresql:///r?password=***&user=ann"),
        ("postgresql://ann@db.example/reports", "postgresql://ann@db.example/reports"),
        ("postgresql://?service=reports", "postgresql://?service=reports"),
    ],
)
def test_a_database_is_shown_without_its_password(url: str, shown: str) -> None:
    settings = load_settings({}, {"QA_APP_INDEX": url})
    assert settings.index == DatabaseUrl(url)
    assert str(settings.index) == shown
    assert "secret" not in repr(settings)
    assert "c?r" not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:sec/ret@db.example/reports",
        "postgresql://ann:sec@ret@db.example/reports",
        "postgresql://ann:sec%ret@db.example/reports",
        "postgresql://ann:secret",
        "postgresql:/ann:secret@db.example/reports",
        "PostgreSQL://ann:secret@db.example/reports",
        Path("postgresql://ann:secret@db.example/reports"),
    ],
)
def test_a_misspelt_address_is_refused_without_showing_it(url: str | Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({"index": url}, {})
    assert "sec" not in str(caught.value)
    assert "postgresql://USER" in caught.value.hint
    with pytest.raises(ConfigError):
        index_location(url)


def test_only_the_index_can_be_a_database() -> None:
    with pytest.raises(ConfigError, match="--corpus: corpus cannot be a database") as caught:
        load_settings({"corpus": "postgresql://ann:secret@db.example/reports"}, {})
    assert "secret" not in caught.value.full_message
