"""The other generated pages: errors, states, findings, keys of a mapping file, the command line."""

from __future__ import annotations

import inspect
import typing
from typing import Any

import click
import msgspec

from gateway import errors
from gateway.checkouts import states
from gateway.cli import COMMANDS, main
from gateway.ordering.findings import CODES
from gateway.ordering.mapping.model import NOT_IN_FILE, Mapping
from scripts.reference.markdown import code, page, table
from scripts.reference.settings import toml


def errors_page() -> str:
    """Return the page of HTTP errors, from the error tree."""
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.RequestError) and kind is not errors.RequestError
    ]
    rows = [
        (str(kind.status), kind.code, kind.reason, str(inspect.getdoc(kind)).replace("\n", " "))
        for kind in sorted(kinds, key=lambda kind: (kind.status, kind.code))
    ]
    internal = errors.INTERNAL_ERROR_BODY
    rows.append((internal["status"], internal["code"], internal["reason"], internal["message"]))
    introduction = """
Every answer that is not a success is a TMF Error object:
`{"@type": "Error", "code", "reason", "message", "status"}`, where `code` and `status` are text. `message` says what happened and
what would be right. Where several things are wrong, `problem` lists each with its `path` (TMF style, `cartItem[0].quantity`;
`$` is the whole body); a refused checkout carries every `finding` (see [findings](findings.md)). No message repeats a value of a
document, with one exception: where totals are not those of `expectedTotalPrice` (409), both amounts are named.
"""
    return page("Errors", introduction, table(("status", "code", "reason", "when"), rows))


def states_page() -> str:
    """Return the page of checkout states, from the table of followers."""
    rows = []
    for state, meaning in states.MEANING.items():
        following = sorted(states.FOLLOWERS[state] - {state}, key=list(states.MEANING).index)
        after = ", ".join(code(each) for each in following)
        if state in states.FINAL:
            after = f"final; {after} if its order is found live all the same" if following else "final"
        rows.append((code(state), meaning, "free" if state in states.CART_RELEASED else "held", after))
    outcomes = table(
        ("`productOrder.state`", "checkout"),
        [(code(order), code(checkout)) for order, checkout in states.OUTCOME_OF_ORDER.items()],
    )
    introduction = """
`state` of a checkout. A cart has at most one checkout that holds it; while it is held, changing the cart answers 409 with a
reference to the checkout.
"""
    return page(
        "States of a checkout",
        introduction,
        table(("state", "meaning", "its cart is", "may become"), rows),
        f"## Final states of the order\n\nWhat a submitted order ends as, its checkout ends as:\n\n{outcomes}",
    )


def findings_page() -> str:
    """Return the page of finding codes."""
    rows = [(code(name), meaning) for name, meaning in CODES.items()]
    introduction = """
A finding is `{"severity", "code", "path", "message"}`: something the translation of a cart did that a reader of the cart would
not expect. Everything that is dropped, defaulted, renamed, moved or refused is one. A finding of severity `error` refuses the
checkout (422), with all findings at once. A preview, `gateway translate` and the checkout itself show them.

The `path` is one of the cart, or of the checkout request where it begins with `checkout.`. A checkout and a preview name the
cart as `GET /tmf-api/shoppingCart/v4/shoppingCart/{id}` shows it, whatever version it was sent in: R17's
`product.characteristic[0]` is `product.productCharacteristic[0]` there, and v5's `place[0].place.id` is `place[0].id`.
`gateway translate` names it as the file has it. What a finding says is missing, or was set because it was, has the path where
it would be. The explanation (`trace`) uses the same paths.
"""
    return page("Findings", introduction, table(("code", "meaning"), rows))


def mapping_page() -> str:
    """Return the page of the keys of a mapping file, from its declarations."""
    introduction = """
A file in `mappings/` describes one order system; `gateway` reads the shipped ones and those of `mappings.folder`. Aiming at a
system that differs in names, slots, limits, states, paging, submission or recovery is one new file, and no code.
`gateway config check` reports every mistake of every file at once.
See [write a mapping](../how-to/write-a-mapping.md) and [add a mapping](../how-to/add-a-mapping.md).
"""
    return page("Mapping files", introduction, *_mapping_tables(Mapping, ""))


def _mapping_tables(kind: Any, path: str) -> list[str]:
    hints = typing.get_type_hints(kind, include_extras=True)
    rows, nested = [], []
    for item in msgspec.structs.fields(kind):
        if item.name in NOT_IN_FILE:
            continue
        hint = hints[item.name]
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            nested.append((f"{path}.{item.name}" if path else item.name, hint))
            continue
        meta = next(entry for entry in typing.get_args(hint)[1:] if isinstance(entry, msgspec.Meta))
        rows.append((code(item.name), _type(typing.get_args(hint)[0]), _default(item), meta.description or ""))
    title = f"## `[{path}]`" if path else "## At the top"
    parts = [f"{title}\n\n{inspect.getdoc(kind)}\n\n{table(('key', 'type', 'default', 'what it is'), rows)}"]
    for where, hint in nested:
        parts += _mapping_tables(hint, where)
    return parts


def _default(item: Any) -> str:
    if item.required:
        return "required"
    value = item.default if item.default is not msgspec.NODEFAULT else item.default_factory()
    return "empty" if value in ({}, "") else code(toml(value))


def _type(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(code(value) for value in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return f"list of {_type(typing.get_args(hint)[0])}"
    if typing.get_origin(hint) is dict or hint is dict:
        return "table"
    return {int: "integer", float: "number", bool: "true or false", str: "text"}.get(hint, str(hint))


def command_line_page() -> str:
    """Return the page of commands: what each says with `--help`."""
    parts: list[str] = []
    context = click.Context(
        main, info_name="gateway", max_content_width=110, terminal_width=110, help_option_names=["-h", "--help"]
    )
    parts += [f"## `gateway`\n\n```text\n{main.get_help(context).rstrip()}\n```"]
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        parts += _help_of(command, name, context)
    introduction = """
Exit codes: 0 done, 1 refused (the reasons on stderr), 2 wrong usage. Results go to stdout, progress to stderr and only to a
terminal. `gateway --no-color COMMAND`, or `NO_COLOR` in the environment, leaves colours out.

Commands, options and their values are completed by the shell once it has the script for it, which the command prints:

```console
$ eval "$(_GATEWAY_COMPLETE=bash_source gateway)"    # bash; zsh_source for zsh
$ _GATEWAY_COMPLETE=fish_source gateway | source     # fish
```
"""
    return page("Command line", introduction, *parts)


def _help_of(command: click.Command, name: str, parent: click.Context) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent, max_content_width=110, terminal_width=110)
    parts = [f"## `{context.command_path}`\n\n```text\n{command.get_help(context).rstrip()}\n```"]
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            assert found is not None
            parts += _help_of(found, sub, context)
    return parts
