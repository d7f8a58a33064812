from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.errors import SettingsError, UnavailableError
from gateway.roles import ROLES
from gateway.security.tokens import Client, TokenFile, load_clients, parse_clients, token_sha256

SHOP = token_sha256("shop-token")
DESK = token_sha256("desk-token")


def entry(name="web-shop", tenant="acme", roles='["channel"]', digest=SHOP):
    return f'[[client]]\nname = "{name}"\ntenant = "{tenant}"\nroles = {roles}\ntoken_sha256 = "{digest}"\n'


def mistakes(text):
    with pytest.raises(SettingsError) as caught:
        parse_clients(text.encode(), "clients.toml")
    return [str(problem) for problem in caught.value.problems]


def test_a_client_is_found_by_its_token_and_by_nothing_else():
    clients = parse_clients((entry() + entry("desk", "other", '["operator", "admin"]', DESK.upper())).encode(), "c")

    assert clients.find("shop-token") == Client(name="web-shop", tenant="acme", roles=frozenset({"channel"}))
    assert clients.find("desk-token") == Client(name="desk", tenant="other", roles=frozenset({"operator", "admin"}))
    assert clients.find(SHOP) is None
    assert clients.find("") is None
    assert clients.find("shop-token ") is None


def test_the_example_of_the_module_is_the_hash_of_a_known_word():
    assert token_sha256("test") == "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def test_two_entries_of_one_name_replace_a_token_without_a_gap():
    clients = parse_clients((entry() + entry(digest=DESK)).encode(), "c")

    assert clients.find("shop-token") == clients.find("desk-token")


def test_every_mistake_is_reported_at_once():
    text = (
        entry(name="", tenant="ACME", roles='["chanel"]', digest="shop-token")
        + '[[client]]\nname = "x"\nrole = ["admin"]\n'
        + entry("a")
        + entry("b")
        + "[other]\n"
    )

    assert mistakes(text) == [
        "clients.toml: other: is unknown; clients are listed as [[client]]",
        "clients.toml: client[0].name: must be 1 to 63 letters, digits, dots, hyphens and underscores",
        "clients.toml: client[0].tenant: must be 1 to 63 lower-case letters, digits and hyphens",
        "clients.toml: client[0].token_sha256: must be the SHA-256 of the token: 64 hexadecimal digits, not the token itself",
        "clients.toml: client[0].roles: must be a list of one or more of: " + ", ".join(ROLES),
        "clients.toml: client[1].role: is unknown; did you mean `roles`?",
        "clients.toml: client[1].tenant: is missing",
        "clients.toml: client[1].roles: is missing",
        "clients.toml: client[1].token_sha256: is missing",
        "clients.toml: client[3].token_sha256: is that of another client; give each its own token",
    ]


def test_a_token_written_where_its_hash_belongs_is_not_repeated_in_the_message():
    assert "very-secret-token" not in "\n".join(mistakes(entry(digest="very-secret-token")))


@pytest.mark.parametrize("text", ["", "client = []", "client = 3", "[client]\nname = 'x'"])
def test_a_file_without_clients_is_refused(text):
    assert mistakes(text) == ["clients.toml: client: must be one or more [[client]] tables"]


@pytest.mark.parametrize("text", [b"[[client", b"\xff\xfe"])
def test_what_is_no_toml_is_refused(text):
    with pytest.raises(SettingsError, match=r"^clients\.toml: is not valid TOML"):
        parse_clients(text, "clients.toml")


def test_a_missing_file_is_a_mistake_of_the_setting(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"^security\.tokens_file: .* cannot be read: No such file"):
        load_clients(tmp_path / "none.toml")


class TestTokenFile:
    def write(self, path: Path, text: str) -> None:
        """Write the file the way an operator does, and make sure that its time differs."""
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_text(text)
        os.utime(path, ns=(before + 1_000_000, before + 1_000_000))

    def test_a_changed_file_is_read_again(self, tmp_path: Path):
        path = tmp_path / "clients.toml"
        self.write(path, entry())
        tokens = TokenFile(path)
        assert tokens.clients().find("shop-token") is not None

        self.write(path, entry(digest=DESK))

        assert tokens.clients().find("shop-token") is None
        assert tokens.clients().find("desk-token") is not None

    def test_a_mistake_refuses_its_own_client_and_revokes_whom_the_file_revokes(self, tmp_path: Path, log: io.StringIO):
        path = tmp_path / "clients.toml"
        self.write(path, entry() + entry("desk", digest=DESK) + entry("gone", digest=token_sha256("gone")))
        tokens = TokenFile(path)
        assert tokens.clients().find("gone") is not None

        self.write(path, entry() + entry("desk", roles='["chanel"]', digest=DESK))

        assert tokens.clients().find("shop-token") is not None
        assert tokens.clients().find("desk-token") is None
        assert tokens.clients().find("gone") is None
        assert len(tokens.problems) == 1
        assert [json.loads(line)["event"] for line in log.getvalue().splitlines()] == ["tokens.refused"]

        self.write(path, entry() + entry("desk", digest=DESK))
        assert tokens.clients().find("desk-token") is not None
        assert tokens.problems == ()

    @pytest.mark.parametrize(
        "broken", ['[[client]]\nname = "half', '[[client]]\nname = "x" "y"\n', "]]\n", "[[client]]\nname = \xff\n"]
    )
    def test_a_file_that_is_no_toml_refuses_the_entries_that_cannot_be_read_and_no_others(self, tmp_path: Path, broken):
        path = tmp_path / "clients.toml"
        self.write(path, entry() + entry("gone", digest=DESK))
        tokens = TokenFile(path)

        path.write_bytes((broken + "\n" + entry()).encode("latin-1"))

        assert tokens.clients().find("shop-token") is not None
        assert tokens.clients().find("desk-token") is None
        assert "is not valid TOML" in str(tokens.problems[0])

    def test_an_emptied_file_lets_nobody_in(self, tmp_path: Path):
        path = tmp_path / "clients.toml"
        self.write(path, entry())
        tokens = TokenFile(path)

        self.write(path, "")

        assert tokens.clients().find("shop-token") is None
        assert len(tokens.problems) == 1

    def test_without_the_file_nobody_is_looked_up_until_it_is_back(self, tmp_path: Path, log: io.StringIO):
        path = tmp_path / "clients.toml"
        self.write(path, entry())
        tokens = TokenFile(path)

        path.unlink()
        for _ in range(2):
            with pytest.raises(UnavailableError):
                tokens.clients()
        assert len(log.getvalue().splitlines()) == 1

        self.write(path, entry())
        assert tokens.clients().find("shop-token") is not None

    def test_a_token_that_two_claim_is_nobodys(self, tmp_path: Path):
        path = tmp_path / "clients.toml"
        self.write(path, entry())
        tokens = TokenFile(path)

        self.write(path, entry() + entry("admin", roles='["admin"]'))

        assert tokens.clients().find("shop-token") is None


def test_a_client_has_several_tokens_each_until_its_end():
    text = (
        '[[client]]\nname = "shop"\ntenant = "acme"\nroles = ["channel"]\n'
        f'[[client.token]]\nsha256 = "{SHOP}"\nexpires = 2026-12-01T12:00:00+01:00\n'
        f'[[client.token]]\nsha256 = "{DESK}"\n'
    )
    clients = parse_clients(text.encode(), "c")
    end = datetime(2026, 12, 1, 11, 0, tzinfo=UTC)

    assert clients.find("shop-token", end - timedelta(microseconds=1)) == clients.find("desk-token", end)
    assert clients.find("shop-token", end) is None
    assert clients.find("desk-token", end + timedelta(days=9999)) is not None


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ('[[client.token]]\nsha256 = "x"\n', "token[0].sha256: must be the SHA-256"),
        (
            f'[[client.token]]\nsha256 = "{DESK}"\nexpires = 2026-12-01\n',
            "token[0].expires: must be a time with its zone",
        ),
        (f'[[client.token]]\nsha256 = "{DESK}"\nexpires = "never"\n', "token[0].expires: must be a time with its zone"),
        (f'[[client.token]]\nsha256 = "{DESK}"\nexpire = 1\n', "token[0].expire: is unknown; did you mean `expires`?"),
        ("token = []\n", "token: must be one or more [[client.token]] tables"),
        (f'[[client.token]]\nsha256 = "{SHOP}"\n', "token[0].sha256: is that of another client"),
    ],
)
def test_what_is_wrong_with_a_token_is_told(token, told):
    assert f"clients.toml: client[0].{told}" in mistakes(entry() + token)[0]
