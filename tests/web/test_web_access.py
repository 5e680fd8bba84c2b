from pathlib import Path

import pytest

from qa_app.errors import ServeError
from qa_app.web.security import Accounts, read_accounts


def test_accounts_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "accounts"
    path.write_text("# who may read\nann:pass:word\n\nbob:héllo\n", encoding="utf-8")
    accounts = read_accounts(path)
    assert accounts.check("ann", "pass:word")
    assert accounts.check("bob", "héllo")
    assert not accounts.check("ann", "héllo")
    assert not accounts.check("", "")
    assert not accounts.check("nobody", "")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "ann\n", "ann:\n", ":secret\n"])
def test_a_file_that_lets_nobody_in_or_is_of_another_form(tmp_path: Path, text: str) -> None:
    path = tmp_path / "accounts"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ServeError, match="accounts") as caught:
        read_accounts(path)
    assert "name:password" in caught.value.hint


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ServeError, match="cannot be read"):
        read_accounts(tmp_path / "none")


def test_five_failures_close_a_name_for_a_minute_and_no_other() -> None:
    now = [0.0]
    accounts = Accounts({"ann": "a", "bob": "b"}, clock=lambda: now[0])
    for _ in range(5):
        assert not accounts.check("ann", "wrong")
    assert not accounts.check("ann", "a")
    assert accounts.check("bob", "b")
    now[0] = 61.0
    assert accounts.check("ann", "a")
