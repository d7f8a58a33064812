from __future__ import annotations

import json
import os
from pathlib import Path
from typing import ClassVar

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from gateway.cli import COMMANDS, main

UPSTREAM = '[upstreams.crm]\nbase_url = "http://127.0.0.1:1/v4"\n'


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every command in an empty folder, without settings from outside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)


def run(*arguments: str, **options):
    return CliRunner().invoke(main, arguments, **options)


def every_command(command: click.Command, path: tuple[str, ...] = ()):
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from every_command(found, (*path, name))


@pytest.mark.parametrize("path", list(every_command(main)), ids=" ".join)
def test_every_command_explains_itself_with_examples(path):
    answer = run(*path, "--help")

    assert answer.exit_code == 0
    assert "Usage: " in answer.output
    assert "Examples:" in answer.output


def test_the_list_of_commands_says_what_each_is():
    answer = run("--help")

    assert answer.exit_code == 0
    for name, (_, line) in COMMANDS.items():
        assert name in answer.output
        assert line in answer.output


def test_the_version_is_told():
    assert run("--version").output.startswith("gateway 0.")


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["serve", "--prot", "1"], ["serve", "--port", "70000"], ["translate"]]
)
def test_wrong_usage_exits_2(arguments):
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["serv"], "'serve'"),
        (["checkouts", "lst"], "'list'"),
        (["events", "lsten"], "'listen'"),
        (["serve", "--prot", "1"], "--port"),
    ],
)
def test_a_misspelt_command_or_option_is_answered_with_what_was_meant(arguments: list[str], meant: str):
    answer = run(*arguments)

    assert answer.exit_code == 2
    assert "Did you mean" in answer.stderr
    assert meant in answer.stderr


@pytest.mark.parametrize("name", ["checkouts", "upstreams", "events", "subscriptions", "inbox", "config"])
def test_the_help_of_a_group_cuts_no_sentence_off(name: str):
    for option in ("-h", "--help"):
        answer = run(name, option)
        assert answer.exit_code == 0
        assert "..." not in answer.output.partition("Commands:")[2].partition("Examples:")[0]


def test_colours_can_be_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert run("--no-color", "config", "check").exit_code == 0
    assert os.environ.pop("NO_COLOR") == "1"


@pytest.mark.parametrize(
    ("typed", "incomplete", "offered"),
    [([], "chec", "checkouts"), (["checkouts"], "clo", "close"), (["checkouts", "list"], "--ord", "--order")],
)
def test_the_shell_completes_commands_and_options(typed: list[str], incomplete: str, offered: str):
    shell = BashComplete(main, {}, "gateway", "_GATEWAY_COMPLETE")

    assert offered in [each.value for each in shell.get_completions(typed, incomplete)]
    assert "_GATEWAY_COMPLETE=bash_complete" in shell.source()


class TestConfigCheck:
    def test_the_defaults_are_valid(self):
        answer = run("config", "check")

        assert answer.exit_code == 0
        assert "mapping salesforce-v4: valid" in answer.stdout
        assert "mapping tmf622-v4: valid" in answer.stdout

    def test_every_mistake_of_settings_and_mappings_is_told_at_once(self, tmp_path: Path):
        folder = tmp_path / "own"
        folder.mkdir()
        (folder / "other.toml").write_text("nonsense = 1\n")
        (tmp_path / "gateway.toml").write_text(
            "[server]\nprot = 1\nport = 'x'\nhost = '0.0.0.0'\n[sever]\n[submission]\nlease_seconds = 5\n"
            f"[mappings]\nfolder = '{folder}'\n" + UPSTREAM + 'mapping = "nonsense"\n'
        )

        answer = run("config", "check", "--config", "gateway.toml")

        assert answer.exit_code == 1
        assert answer.stdout == ""
        named = {line.split(": ")[0] for line in answer.stderr.splitlines()}
        assert named >= {
            "server.port",
            "server.prot",
            "sever",
            "security.mode",
            "submission.lease_seconds",
            "upstreams.crm.mapping",
            str(folder / "other.toml"),
        }

    def test_an_upstream_must_name_a_mapping_that_exists(self, tmp_path: Path):
        (tmp_path / "gateway.toml").write_text(UPSTREAM + 'mapping = "nonsense"\n')

        answer = run("config", "check", "--config", "gateway.toml")

        assert answer.exit_code == 1
        assert answer.stderr.startswith(
            "upstreams.crm.mapping: there is no mapping `nonsense`; there are: salesforce-v4"
        )

    def test_a_mapping_of_the_settings_folder_is_checked_too_and_replaces_a_shipped_one(self, tmp_path: Path):
        folder = tmp_path / "own"
        folder.mkdir()
        (folder / "salesforce-v4.toml").write_text("nonsense = 1\n")
        (folder / "other.toml").write_text("[[[")

        answer = run("config", "check", env={"GATEWAY_MAPPINGS__FOLDER": str(folder)})

        assert answer.exit_code == 1
        assert any("own/salesforce-v4.toml: nonsense" in line for line in answer.stderr.splitlines())
        assert any("own/other.toml" in line and "TOML" in line for line in answer.stderr.splitlines())

    def test_a_folder_of_mappings_that_is_not_there_is_a_mistake(self):
        answer = run("config", "check", env={"GATEWAY_MAPPINGS__FOLDER": "nowhere"})

        assert answer.exit_code == 1
        assert answer.stderr == "mappings.folder: nowhere is not a folder\n"

    def test_the_file_of_tokens_is_checked_too(self, tmp_path: Path):
        (tmp_path / "clients.toml").write_text('[[client]]\nname = "x"\n')

        answer = run(
            "config", "check", env={"GATEWAY_SECURITY__MODE": "tokens", "GATEWAY_SECURITY__TOKENS_FILE": "clients.toml"}
        )

        assert answer.exit_code == 1
        assert "clients.toml: client[0].tenant: is missing" in answer.stderr.splitlines()

    def test_a_missing_file_is_told(self):
        answer = run("config", "check", "--config", "none.toml")

        assert answer.exit_code == 1
        assert answer.stderr == "none.toml: cannot be read: No such file or directory\n"


class TestMigrate:
    def test_an_empty_database_gets_its_schema_once(self):
        first, second = run("migrate"), run("migrate")

        assert (first.exit_code, second.exit_code) == (0, 0)
        assert first.stdout.startswith("var/gateway.db: empty -> ")
        assert second.stdout.startswith("var/gateway.db: already at ")

    def test_a_database_that_cannot_be_reached_is_told_without_its_password(self):
        answer = run("migrate", env={"GATEWAY_STORAGE__URL": "postgresql://somebody:hidden-word@127.0.0.1:1/orders"})

        assert answer.exit_code == 1
        assert answer.stderr.startswith("storage.url: 127.0.0.1:1/orders cannot be used: ")
        assert "hidden-word" not in answer.output
        assert "Traceback" not in answer.output


class TestServe:
    """What `gateway serve` refuses before it listens."""

    def test_a_public_address_without_authentication_is_refused(self):
        answer = run("serve", "--host", "0.0.0.0")  # noqa: S104 - this is what must be refused

        assert answer.exit_code == 1
        assert answer.stderr.startswith("security.mode: `none` is allowed only while server.host is a loopback address")

    def test_a_port_that_is_taken_is_told(self):
        import socket

        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            answer = run("serve", "--port", str(port))

        assert answer.exit_code == 1
        assert f"server: cannot listen on 127.0.0.1 port {port}: Address already in use" in answer.stderr

    def test_a_database_without_schema_is_refused_where_migrating_is_a_decision(self):
        answer = run("serve", env={"GATEWAY_STORAGE__URL": "postgresql://127.0.0.1:1/x"})

        assert answer.exit_code == 1
        assert "cannot be used" in answer.stderr


class TestTranslate:
    CART: ClassVar = {"cartItem": [{"id": "1", "action": "add", "quantity": 2, "productOffering": {"id": "SIM_CARD"}}]}

    def write(self, tmp_path: Path, cart: object, name: str = "cart.json") -> str:
        (tmp_path / name).write_text(json.dumps(cart))
        return name

    def test_people_get_findings_lines_and_calls(self, tmp_path: Path):
        answer = run("translate", self.write(tmp_path, self.CART))

        assert answer.exit_code == 0
        assert "Order lines (1)" in answer.stdout
        assert "POST productOrder" in answer.stdout

    def test_programs_get_the_preview_document(self, tmp_path: Path):
        answer = run("translate", self.write(tmp_path, self.CART), "--format", "json")

        preview = json.loads(answer.stdout)
        assert answer.exit_code == 0
        assert preview["@type"] == "CheckoutPreview"
        assert preview["order"]["productOrderItem"][0]["quantity"] == 2
        assert preview["step"][0]["body"]["productOrderItem"][0]["productOffering"]["id"] == "SIM_CARD"
        assert preview["step"][0]["itemCount"] == 1

    def test_a_cart_that_would_be_refused_exits_1_with_every_reason(self, tmp_path: Path):
        cart = {"cartItem": [{"id": "1", "action": "sell", "quantity": 0, "productOffering": {"id": "X"}}]}

        answer = run("translate", self.write(tmp_path, cart))
        assert answer.exit_code == 1
        assert answer.stderr.splitlines() == [
            "cart.json: cartItem[0].action: must be one of add, modify, delete, noChange",
            "cart.json: cartItem[0].quantity: must be from 1 to 1000000",
            "refused: the API answers 400 to this cart",
        ]
        for form in ("json", "text"):
            answer = run("translate", self.write(tmp_path, cart), "--as", "stored", "--format", form)

            assert answer.exit_code == 1
            assert "unknown_action" in answer.stdout
            assert "bad_quantity" in answer.stdout
            assert answer.stderr == "refused: a checkout of this cart would be answered 422\n"

    def test_the_mapping_decides(self, tmp_path: Path):
        name = self.write(tmp_path, self.CART)

        assert "party_missing" in run("translate", name, "--mapping", "salesforce-v4").stdout
        answer = run("translate", name, "--mapping", "nonsense")
        assert answer.exit_code == 2
        assert "there are: salesforce-v4, tmf622-v4" in answer.stderr

    def test_a_request_is_taken_into_account_and_checked(self, tmp_path: Path):
        cart = self.write(tmp_path, self.CART)
        good = self.write(tmp_path, {"relatedParty": [{"id": "CD1", "role": "customer"}]}, "good.json")
        bad = self.write(tmp_path, {"relatedPary": [], "submit": "yes"}, "bad.json")

        answer = run("translate", cart, "--mapping", "salesforce-v4", "--request", good)
        assert answer.exit_code == 0

        answer = run("translate", cart, "--mapping", "salesforce-v4", "--request", bad)
        assert answer.exit_code == 1
        assert [line.split(": ")[1] for line in answer.stderr.splitlines()] == ["relatedPary", "submit"]

    def test_evidence_that_the_settings_demand_is_demanded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("GATEWAY_CHECKOUT__REQUIRE_QUALIFICATION", "true")
        cart = self.write(tmp_path, self.CART)
        evidence = self.write(tmp_path, {"productOfferingQualification": [{"id": "q1"}]}, "evidence.json")

        answer = run("translate", cart)

        assert answer.exit_code == 1
        assert "qualification_missing" in answer.stdout
        assert run("translate", cart, "--request", evidence).exit_code == 0

    def test_stdin_is_read_for_a_dash(self):
        assert run("translate", "-", input=json.dumps(self.CART)).exit_code == 0

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"cartItem": NaN}', "[" * 100_000])
    def test_what_is_no_cart_is_told(self, tmp_path: Path, text: str):
        (tmp_path / "cart.json").write_text(text)

        answer = run("translate", "cart.json")

        assert answer.exit_code == 1
        assert answer.stderr.startswith("cart.json: ")
        assert "Traceback" not in answer.output

    def test_digits_are_kept(self, tmp_path: Path):
        cart = json.loads(json.dumps(self.CART))
        cart["cartItem"][0]["itemPrice"] = [{"priceType": "oneTime", "price": {"taxRate": "X"}}]
        (tmp_path / "cart.json").write_text(json.dumps(cart).replace('"X"', "19.900"))

        assert "19.900" in run("translate", "cart.json", "--format", "json").stdout


class TestCheckouts:
    def test_a_gateway_that_does_not_run_is_told(self):
        answer = run("checkouts", "list", "--url", "http://127.0.0.1:1")

        assert answer.exit_code == 1
        assert answer.stderr.startswith("http://127.0.0.1:1 does not answer: ")
        assert "Is `gateway serve` running there?" in answer.stderr
