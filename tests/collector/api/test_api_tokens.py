"""Tokens, links and cookies: kept hashed, for their owner alone."""

import json
import stat
from pathlib import Path

import pytest

from collector.api.tokens import COOKIE_DAYS, LINK_MINUTES, TokenFile
from collector.cli import main
from edge.errors import InputError

DAY_MS = 86_400_000


@pytest.fixture
def book(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "tokens.json")


def test_a_token_is_known_by_its_hash_alone_and_the_file_is_its_owners(book: TokenFile) -> None:
    text = book.add("wall", ["operate", "read"], now_ms=7)
    assert text not in book.path.read_text()
    assert stat.S_IMODE(book.path.stat().st_mode) == 0o600
    token = book.bearer(text)
    assert token is not None
    assert (token.name, token.scopes, token.created_ms) == ("wall", ("read", "operate"), 7)
    assert book.bearer(text + "x") is None
    assert book.bearer("") is None


def test_a_change_of_another_process_is_seen(book: TokenFile) -> None:
    other = TokenFile(book.path)
    text = other.add("wall", ["read"], now_ms=0)
    assert book.bearer(text) is not None
    other.remove("wall")
    assert book.bearer(text) is None


def test_a_name_is_given_once(book: TokenFile) -> None:
    book.add("wall", ["read"], now_ms=0)
    with pytest.raises(InputError, match="already"):
        book.add("wall", ["read"], now_ms=0)
    with pytest.raises(InputError, match="no token"):
        book.remove("door")


def test_a_link_lets_in_once_and_soon(book: TokenFile) -> None:
    book.add("wall", ["read"], now_ms=0)
    code, late = book.link("wall", now_ms=0), book.link("wall", now_ms=0)
    assert code not in book.path.read_text()
    assert book.redeem("guess", now_ms=0) is None
    token = book.redeem(code, now_ms=1)
    assert token is not None
    assert token.name == "wall"
    assert book.redeem(code, now_ms=1) is None
    assert book.redeem(late, now_ms=LINK_MINUTES * 60_000 + 1) is None


def test_a_cookie_ends_with_its_time_and_with_its_token(book: TokenFile) -> None:
    text = book.add("wall", ["read"], now_ms=0)
    token = book.bearer(text)
    assert token is not None
    cookie = book.cookie(token, now_ms=0)
    assert book.of_cookie(cookie, now_ms=1) == token
    assert TokenFile(book.path).of_cookie(cookie, now_ms=1) == token  # after a restart
    assert book.of_cookie(cookie, now_ms=COOKIE_DAYS * DAY_MS + 1) is None
    name, until, signature = cookie.split(".")
    for forged in (
        f"{name}.{int(until) + 1}.{signature}",
        f"door.{until}.{signature}",
        f"{name}.{until}.",
        "",
        "..",
        "é",
    ):
        assert book.of_cookie(forged, now_ms=1) is None
    book.remove("wall")
    book.add("wall", ["read"], now_ms=0)
    assert book.of_cookie(cookie, now_ms=1) is None


def test_a_file_that_others_may_read_is_refused(book: TokenFile) -> None:
    book.add("wall", ["read"], now_ms=0)
    book.path.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        TokenFile(book.path).bearer("x")


def test_a_file_that_is_none_is_refused(book: TokenFile) -> None:
    book.path.write_text("{")
    book.path.chmod(0o600)
    with pytest.raises(InputError, match="no file of tokens"):
        book.bearer("x")


def test_the_command_makes_lists_links_and_removes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configuration = tmp_path / "collector.yaml"
    said = {
        "store": "s.sqlite",
        "mqtt": {"host": "localhost"},
        "http": {"names": ["counts.example"], "behind_tls": True},
    }
    configuration.write_text(json.dumps(said))
    at = ("--config", str(configuration))
    assert main(["token", "add", "wall", "--scope", "read", "--scope", "operate", *at]) == 0
    text = capsys.readouterr().out.strip()
    token = TokenFile(tmp_path / "tokens.json").bearer(text)
    assert token is not None
    assert token.scopes == ("read", "operate")
    assert main(["token", "list", *at]) == 0
    listed = capsys.readouterr().out
    assert "wall" in listed
    assert text not in listed
    assert main(["token", "link", "wall", *at]) == 0
    assert capsys.readouterr().out.startswith("https://counts.example:8080/#code=")
    assert main(["token", "remove", "wall", *at]) == 0
    assert main(["token", "remove", "wall", *at]) == 2
    configuration.write_text('{"store": "s.sqlite", "mqtt": {"host": "localhost"}}')
    assert main(["token", "list", *at]) == 2
