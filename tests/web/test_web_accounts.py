from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from qa_app.cli import main
from qa_app.errors import QueryError, ServeError
from qa_app.web.accounts import Accounts, add_user, read_accounts, remove_user, user_names
from qa_app.web.sessions import Sessions, Throttle

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("accounts") / "accounts"
    add_user(path, "ann", PASSWORD)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, template: bytes) -> Path:
    path = tmp_path / "accounts"
    path.write_bytes(template)
    return path


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_password_is_kept_as_a_hash(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("ann:$scrypt$ln=15,r=8,p=3$")
    assert PASSWORD not in text
    accounts = Accounts(path)
    assert accounts.check("ann", PASSWORD)
    assert not accounts.check("ann", PASSWORD + " ")
    assert not accounts.check("nobody", PASSWORD)


def test_two_with_one_password_have_different_hashes(path: Path) -> None:
    add_user(path, "bob", PASSWORD)
    hashes = read_accounts(path)
    assert hashes["ann"] != hashes["bob"]
    assert user_names(path) == ["ann", "bob"]


def test_an_accent_may_be_sent_as_one_character_or_two(path: Path) -> None:
    add_user(path, "Zoë", "café crème")
    assert Accounts(path).check("Zoe\u0308", "cafe\u0301 cre\u0300me")


def test_changes_of_the_file_count_at_once(path: Path) -> None:
    accounts = Accounts(path)
    assert not add_user(path, "ann", "another password")
    assert accounts.check("ann", "another password")
    path.write_text("ann:plain\n", encoding="utf-8")
    assert accounts.check("ann", "another password")  # a broken file changes nothing
    path.write_text("# nobody is left\n", encoding="utf-8")
    assert accounts.hash_of("ann") is None


def test_a_plain_password_is_refused_until_it_is_hashed(tmp_path: Path) -> None:
    path = tmp_path / "accounts"
    path.write_text("# the team\nann:open secret\nbob:pass:word\n", encoding="utf-8")
    with pytest.raises(ServeError, match="line 2: the password of ann is not hashed") as caught:
        Accounts(path)
    assert caught.value.hint.startswith(f"qa-app user add ann --auth {path}")
    add_user(path, "ann", PASSWORD)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# the team\n")
    assert "pass:word" not in text
    assert Accounts(path).check("bob", "pass:word")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "ann\n", "ann:\n", ":secret\n"])
def test_a_file_that_lets_nobody_in_or_is_of_another_form(tmp_path: Path, text: str) -> None:
    path = tmp_path / "accounts"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ServeError, match="accounts") as caught:
        Accounts(path)
    assert "qa-app user add NAME" in caught.value.hint


@pytest.mark.parametrize("name", ["", "a:b", "#ann", "-ann", "a\nb", "x" * 65])
def test_names_that_would_not_fit_into_a_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(QueryError, match="no name for a user"):
        add_user(tmp_path / "accounts", name, PASSWORD)
    assert not (tmp_path / "accounts").exists()


def test_the_commands(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def user(*words: str, typed: str = "") -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return main(["user", *words, "--auth", str(path)])

    assert user("add", "bob", "--password-stdin", typed="battery staple\n") == 0
    assert Accounts(path).check("bob", "battery staple")
    assert user("add", "cy", "--password-stdin", typed="short\n") == 1
    assert user("add", "cy") == 1  # there is no terminal to ask on
    assert user("remove", "ann") == 0
    assert user("remove", "ann") == 1
    capsys.readouterr()
    assert user("list") == 0
    assert capsys.readouterr().out == "bob\n"


def test_five_failures_close_a_name_to_their_address_for_a_minute() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(5):
        assert throttle.admits("ann", "192.0.2.1")
    assert not throttle.admits("ann", "192.0.2.1")
    assert throttle.admits("ann", "192.0.2.2")  # a stranger does not lock ann out
    assert throttle.admits("bob", "192.0.2.1")
    clock.now = 60.0
    assert throttle.admits("ann", "192.0.2.1")


def test_one_address_has_twenty_failures_and_one_name_twenty_five() -> None:
    throttle = Throttle(Clock())
    assert sum(throttle.admits(f"name{n}", f"2001:db8::{n + 1:x}") for n in range(40)) == 20
    throttle = Throttle(Clock())
    assert sum(throttle.admits("ann", f"192.0.2.{n}") for n in range(40)) == 25


def test_signing_in_rightly_is_no_failure() -> None:
    throttle = Throttle(Clock())
    for _ in range(50):
        assert throttle.admits("ann", "192.0.2.1")
        throttle.forgive("ann", "192.0.2.1")


def test_a_session_ends_when_it_is_idle_or_old(path: Path) -> None:
    clock = Clock()
    sessions = Sessions(Accounts(path), idle_seconds=3600, clock=clock)
    token = sessions.begin("ann")
    clock.now = 3599.0
    assert sessions.peek(token) == "ann"  # looked at, not used
    clock.now = 3600.0
    assert sessions.get(token) is None
    token = sessions.begin("ann")
    while clock.now < 3600 + 12 * 3600 - 60:
        clock.now += 60
        assert sessions.get(token) == "ann"
    clock.now += 60
    assert sessions.get(token) is None
    assert len(sessions) == 0


def test_a_session_ends_with_its_user_and_password(path: Path) -> None:
    add_user(path, "bob", PASSWORD)
    sessions = Sessions(Accounts(path), idle_seconds=3600)
    ann, bob = sessions.begin("ann"), sessions.begin("bob")
    add_user(path, "ann", "another password")
    assert (sessions.get(ann), sessions.get(bob)) == (None, "bob")
    remove_user(path, "bob")
    assert sessions.get(bob) is None
    assert sessions.get("made up") is None


def test_one_user_cannot_fill_the_memory_with_sessions(path: Path) -> None:
    sessions = Sessions(Accounts(path), idle_seconds=3600)
    tokens = [sessions.begin("ann") for _ in range(60)]
    assert len(sessions) == 50
    assert sessions.get(tokens[9]) is None
    assert sessions.get(tokens[10]) == "ann"
