"""What the commands share that talk to a running gateway over its own API: how it is reached and called, tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import click
import httpx
from rich.console import Console
from rich.table import Table

from gateway.commands.common import config_option, settings_with
from gateway.documents import JsonObject
from gateway.errors import OperatorError

F = TypeVar("F", bound=Callable[..., Any])

TIMEOUT_SECONDS: Final = 30.0
WIDTH: Final = 160


def with_options(options: Sequence[Callable[[F], F]], function: F) -> F:
    """Add options to a command, shown in the order in which they stand."""
    for option in reversed(options):
        function = option(function)
    return function


def where_options(function: F) -> F:
    """Add what every command needs to reach a gateway, passed as `config_path`, `url` and `token`."""
    options = (
        click.option("--url", metavar="URL", help="The gateway.  [default: server.public_url, or host and port]"),
        click.option(
            "--token",
            envvar="GATEWAY_CLIENT_TOKEN",
            show_envvar=True,
            help="Bearer token, while security.mode is `tokens`.",
        ),
    )
    return config_option(with_options(options, function))


def client_options(function: F) -> F:
    """Add the same and the form of the output, passed as `form`."""
    choice = click.Choice(["table", "json"])
    form = click.option("--format", "form", type=choice, default="table", show_default=True, help="Output.")
    return where_options(form(function))


_REASON: Final = "Why; it is kept with the client's name and shown on the checkout."
reason_option = click.option("--reason", required=True, metavar="TEXT", help=_REASON)
# Where nothing is decided that somebody would have to answer for, the reason may be left out.
optional_reason_option = click.option("--reason", metavar="TEXT", help=_REASON)


def reason_body(reason: str | None) -> JsonObject | None:
    """Return the body of a request whose reason may be left out, otherwise None."""
    return None if reason is None else {"reason": reason}


class Page(NamedTuple):
    """A page of a list, and how many there are in all."""

    found: list[dict[str, Any]]
    total: int

    @property
    def more(self) -> str:
        """The sentence that says how many are not shown; empty when all are."""
        left = self.total - len(self.found)
        return f"{left} more of {self.total}; --limit shows more" if left > 0 else ""


def call_list(path: str, query: dict[str, str | None], **where: Any) -> Page:
    """Return a list of a gateway, as far as its `limit` goes, as `call` does."""
    answer = _answer("GET", path, query, **where)
    found = _document(answer)
    return Page(found, int(answer.headers.get("X-Total-Count") or len(found)))


def call(method: str, path: str, query: dict[str, str | None], *, body: JsonObject | None = None, **where: Any) -> Any:
    """Call a gateway, with a JSON body or none, and return its answer; None where it has no content.

    `where` is what `client_options` gives. Raises OperatorError with the TMF Error's message.
    """
    return _document(_answer(method, path, query, body=body, **where))


def call_bytes(path: str, query: dict[str, str | None], **where: Any) -> bytes:
    """Return what a gateway answers, as it is, as `call` does: an export."""
    answer = _answer("GET", path, query, **where)
    if not answer.is_success:
        _document(answer)
    return answer.content


def _answer(
    method: str,
    path: str,
    query: dict[str, str | None],
    *,
    config_path: Path | None,
    url: str | None,
    token: str | None,
    body: dict[str, Any] | None = None,
) -> httpx.Response:
    base = url or address(config_path)
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        return httpx.request(
            method, base.rstrip("/") + path, params=query or None, headers=headers, json=body, timeout=TIMEOUT_SECONDS
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OperatorError(f"{base} does not answer: {error}. Is `gateway serve` running there?") from None


def _document(answer: httpx.Response) -> Any:
    if answer.is_success and not answer.content:
        return None
    try:
        document = answer.json()
    except ValueError:
        raise OperatorError(
            f"{answer.request.url.copy_with(raw_path=b'/')} answered {answer.status_code} and no JSON; is it a gateway?"
        ) from None
    if not answer.is_success:
        message = document.get("message") if isinstance(document, dict) else None
        raise OperatorError(
            "\n".join([f"{answer.status_code}: {message or answer.reason_phrase}", *_problems(document)])
        )
    return document


def _problems(document: Any) -> list[str]:
    """Return the problems of a TMF Error that its message does not name, a line each."""
    problems = document.get("problem") if isinstance(document, dict) else None
    return [
        f"{each.get('path')}: {each.get('message')}"
        for each in (problems if isinstance(problems, list) else ())
        if isinstance(each, dict) and str(each.get("message")) not in str(document.get("message"))
    ]


def path_of(resources: str, resource_id: str, listing: str) -> str:
    """Return the path of one resource; `listing` is the command that shows the ids. Usage error for an empty id."""
    if not resource_id:
        # Without an id the path is that of the list: an unset variable of a script does not mean that one wants to see that.
        raise click.BadParameter(f"is empty; `{listing}` shows the ids", param_hint="ID")
    return f"{resources}/{httpx.URL(path='/' + resource_id).raw_path.decode()[1:].replace('/', '%2F')}"


def address(config_path: Path | None) -> str:
    """Return where the gateway of these settings is reached."""
    server = settings_with(config_path).server
    return server.public_url or f"http://{f'[{server.host}]' if ':' in server.host else server.host}:{server.port}"


class _SafeTable(Table):
    """A table whose cells hold nothing that a terminal would obey: what strangers sent is shown in them."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Add a row, with a mark in place of each control character."""
        super().add_row(*(printable(each) if isinstance(each, str) else each for each in cells), **options)


def printable(text: str) -> str:
    """Return a text with a mark in place of each character that a terminal would obey instead of showing it."""
    return "".join(each if each.isprintable() or each in " \n" else "\N{REPLACEMENT CHARACTER}" for each in text)


def say(text: str) -> None:
    """Print what may hold something that strangers sent."""
    click.echo(printable(text))


def printed_as_json(form: str, found: object) -> bool:
    """Print what a gateway answered as JSON where `--format json` asks for it; tell whether it did."""
    if form != "json":
        return False
    click.echo(json.dumps(found, indent=2))
    return True


def table(*columns: str) -> Table:
    """Return an empty table with these columns."""
    table = _SafeTable(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def print_table(rows: Table) -> None:
    """Print a table, as wide as the terminal or wide enough for a file."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    console.print()
    console.print(rows)
    console.print()
