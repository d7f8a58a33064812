from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.configuration import every_setting, load_settings
from gateway.errors import SettingsError
from gateway.settings import Settings

UPSTREAM = '[upstreams.crm]\nbase_url = "https://crm.example.com/v4"\nmapping = "tmf622-v4"\n'


def loaded(tmp_path: Path, text: str = "", environment: dict[str, str] | None = None) -> Settings:
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    return load_settings(path, environment or {})


def mistakes(tmp_path: Path, text: str = "", environment: dict[str, str] | None = None) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, text, environment)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_no_file_means_the_defaults(tmp_path: Path):
    assert load_settings(None, {}) == Settings()
    assert loaded(tmp_path) == Settings()


def test_the_environment_overrides_the_file(tmp_path: Path):
    environment = {
        "GATEWAY_SERVER__PORT": "9000",
        "GATEWAY_SERVER__WORKER": "false",
        "GATEWAY_SUBMISSION__RETRY_SECONDS": "[0.5, 2]",
        "GATEWAY_UPSTREAMS__CRM__BASE_URL": "https://other.example.com",
        "GATEWAY_TEST_POSTGRES_URL": "ignored",
        "PATH": "ignored",
    }

    settings = loaded(tmp_path, "[server]\nport = 8000\n" + UPSTREAM, environment)

    assert settings.server.port == 9000
    assert settings.server.worker is False
    assert settings.submission.retry_seconds == (0.5, 2.0)
    assert settings.upstreams["crm"].base_url == "https://other.example.com"
    assert settings.upstreams["crm"].mapping == "tmf622-v4"


def test_a_secret_is_read_from_its_file(tmp_path: Path):
    (tmp_path / "token").write_text("from-a-file\n")
    text = UPSTREAM + f'[upstreams.crm.auth]\nkind = "bearer"\ntoken = "FILE:{tmp_path}/token"\n'

    assert loaded(tmp_path, text).upstreams["crm"].auth.token == "from-a-file"
    environment = {"GATEWAY_STORAGE__URL": f"FILE:{tmp_path}/url"}
    (tmp_path / "url").write_text("postgresql://database/orders")
    assert loaded(tmp_path, "", environment).storage.url == "postgresql://database/orders"


def test_a_secret_file_that_cannot_be_read_is_a_mistake(tmp_path: Path):
    found = mistakes(tmp_path, UPSTREAM + '[upstreams.crm.auth]\ntoken = "FILE:/nowhere/token"\n')

    assert found == {"upstreams.crm.auth.token": "the file it names cannot be read: No such file or directory"}


def test_every_mistake_is_told_at_once_each_with_what_would_be_right(tmp_path: Path):
    text = """
        [server]
        prot = 1
        port = 70000
        [log]
        level = "loud"
        [nonsense]
        [upstreams.crm]
        mapping = "x"
    """

    found = mistakes(tmp_path, text, {"GATEWAY_CART__ITEMS_MAX": "many"})

    assert found["server.prot"] == "is not a setting; did you mean `port`?"
    assert "65535" in found["server.port"]
    assert found["log.level"] == 'must be "debug" | "info" | "warning" | "error"'
    assert found["nonsense"].startswith("is not a setting; there are: server")
    assert found["upstreams.crm.base_url"] == "is missing; it has no default"
    assert "int" in found["cart.items_max"]
    assert len(found) == 6


TOKENS = '[security]\nmode = "tokens"\ntokens_file = "clients.toml"\n'
OAUTH = (
    'kind = "oauth2-client-credentials"\ntoken_url = "https://t.example.com"\nclient_id = "c"\nclient_secret = "s"\n'
)
SHA256 = "9f" * 32

# Every combination that is refused, with the setting it is told of.
UNSAFE = {
    "strangers: no identity on a public address": ('[server]\nhost = "0.0.0.0"', "security.mode"),
    "strangers: tokens without their file": ('[security]\nmode = "tokens"', "security.tokens_file"),
    "strangers: a token that lands in another tenant": (
        TOKENS + UPSTREAM + f'notification_token_sha256 = "{SHA256}"',
        "upstreams.crm.notification_token_sha256",
    ),
    "strangers: a hash that no token has": (
        UPSTREAM + 'notification_token_sha256 = "secret"',
        "upstreams.crm.notification_token_sha256",
    ),
    "strangers: networks that are none": (
        '[hub]\nallowed_networks = ["10.0.0.0/8", "inside"]',
        "hub.allowed_networks[1]",
    ),
    "secrets: a token in clear": (
        UPSTREAM.replace("https", "http") + '[upstreams.crm.auth]\nkind = "bearer"\ntoken = "x"',
        "upstreams.crm.base_url",
    ),
    "secrets: a password on its way to a token in clear": (
        UPSTREAM + "[upstreams.crm.auth]\n" + OAUTH.replace("https", "http"),
        "upstreams.crm.auth.token_url",
    ),
    "secrets: a token for qualifications in clear": (
        '[qualification]\nbase_url = "http://q.example.com"\n[qualification.auth]\nkind = "bearer"\ntoken = "x"',
        "qualification.base_url",
    ),
    "secrets: a token for the catalogue in clear": (
        '[catalogue]\nbase_url = "http://c.example.com"\n[catalogue.auth]\nkind = "bearer"\ntoken = "x"',
        "catalogue.base_url",
    ),
    "secrets: in an address, which is logged": (UPSTREAM.replace("crm.e", "user:word@crm.e"), "upstreams.crm.base_url"),
    "secrets: none where one is needed": (
        UPSTREAM + '[upstreams.crm.auth]\nkind = "bearer"',
        "upstreams.crm.auth.token",
    ),
    **{
        f"secrets: no {key}": (
            UPSTREAM + "[upstreams.crm.auth]\n" + re.sub(f"{key} = .*", "", OAUTH),
            f"upstreams.crm.auth.{key}",
        )
        for key in ("token_url", "client_id", "client_secret")
    },
    "orders: a lease that ends during a call": (
        UPSTREAM + "[submission]\nlease_seconds = 35",
        "submission.lease_seconds",
    ),
    "orders: a silence longer than the call": (
        UPSTREAM + "[upstreams.crm.limits]\nread_timeout_seconds = 31",
        "upstreams.crm.limits.read_timeout_seconds",
    ),
    "orders: to nobody": ('[checkout]\ndefault_upstream = "none"', "checkout.default_upstream"),
    "orders: a database of another kind": ('[storage]\nurl = "mysql://x"', "storage.url"),
    "orders: a name that is not part of a path": (UPSTREAM.replace("crm]", '"a/b"]'), "upstreams.a/b"),
    "orders: a name longer than its column": (UPSTREAM.replace("crm]", "c" * 64 + "]"), f"upstreams.{'c' * 64}"),
    "events: a lease that ends during a delivery": ("[hub]\nlease_seconds = 39", "hub.lease_seconds"),
    "lists: a default above the limit": ("[server]\npage_items_default = 2000", "server.page_items_default"),
    "addresses: another scheme": (UPSTREAM.replace("https", "ftp"), "upstreams.crm.base_url"),
    "addresses: a query": (UPSTREAM.replace("/v4", "/v4?x=1"), "upstreams.crm.base_url"),
    "addresses: a port that is none": (UPSTREAM.replace(".com", ".com:70000"), "upstreams.crm.base_url"),
    "addresses: half a bracket": (UPSTREAM.replace("crm.e", "[crm.e"), "upstreams.crm.base_url"),
    "addresses: a token's that is none": (
        UPSTREAM + "[upstreams.crm.auth]\n" + OAUTH.replace("https://", ""),
        "upstreams.crm.auth.token_url",
    ),
    "addresses: a public one that is none": ('[server]\npublic_url = "gateway.example.com"', "server.public_url"),
    "waits: for ever": ("[submission]\nsettle_seconds = inf", "submission.settle_seconds"),
    "waits: longer than a year": ("[hub]\ndisable_after_seconds = 1e300", "hub.disable_after_seconds"),
    "waits: one of several for ever": ("[tracking]\npoll_seconds = [60, inf]", "tracking.poll_seconds[1]"),
    "waits: one of several below zero": ("[submission]\nretry_seconds = [1, -1]", "submission.retry_seconds[1]"),
    "waits: of a subscriber below zero": ("[hub]\npause_seconds = [-5]", "hub.pause_seconds[0]"),
    "waits: one of several that is not a number": ("[hub]\nretry_seconds = [nan]", "hub.retry_seconds[0]"),
    "waits: of an order system for ever": (
        UPSTREAM + "[upstreams.crm.limits]\nrate_per_second = inf",
        "upstreams.crm.limits.rate_per_second",
    ),
}


@pytest.mark.parametrize(("text", "path"), UNSAFE.values(), ids=UNSAFE)
def test_an_unsafe_combination_is_refused(tmp_path: Path, text: str, path: str):
    assert list(mistakes(tmp_path, text)) == [path]


def test_what_is_just_safe_is_taken(tmp_path: Path):
    loaded(tmp_path, UPSTREAM + "[upstreams.crm.auth]\n" + OAUTH)
    loaded(tmp_path, UPSTREAM + f'notification_token_sha256 = "{SHA256}"')
    loaded(tmp_path, UPSTREAM.replace("crm]", "A-1_b-" + "c" * 57 + "]"))
    loaded(tmp_path, UPSTREAM.replace("https://crm.example.com", "http://[::1]:8622"))
    here = UPSTREAM.replace("https://crm.example.com", "http://127.0.0.1:8622")
    loaded(tmp_path, here + "[upstreams.crm.auth]\n" + OAUTH.replace("https://t.example.com", "http://localhost/token"))
    loaded(tmp_path, '[server]\npublic_url = "https://gateway.example.com/base"\n[hub]\nretry_seconds = [0, 31536000]')


def test_a_lease_just_longer_than_call_and_guard_is_safe(tmp_path: Path):
    assert loaded(tmp_path, UPSTREAM + "[submission]\nlease_seconds = 35.1").submission.lease_seconds == 35.1


@pytest.mark.parametrize("text", ["[server", "\x00", "port = "])
def test_what_is_no_toml_is_told(tmp_path: Path, text: str):
    (path,) = mistakes(tmp_path, text)
    assert path.endswith("gateway.toml")


def test_every_setting_is_documented_and_carries_its_unit():
    settings = every_setting()

    assert len(settings) > 60
    for path, kind, _, text in settings:
        assert text, path
        name = path.rpartition(".")[2]
        if kind in {"number", "integer"} and not name.endswith(
            ("_max", "_min", "_default", "port", "burst", "_tolerance", "failures_before_pause")
        ):
            units = ("_seconds", "_hours", "_days", "_bytes", "_per_second", "_percent", "_amount")
            assert name.endswith(units), path
