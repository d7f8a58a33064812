"""Code tables applied: a code of the cart becomes the order system's, with a finding, or the checkout is refused."""

from __future__ import annotations

from gateway.documents import JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.codes import CodeTable
from gateway.ordering.mapping.model import Tables
from gateway.ordering.values import as_text


def recoded(
    node: JsonObject, key: str, table: CodeTable | None, path: str, findings: Findings, *, scope: str = ""
) -> JsonObject:
    """Return `node` with the order system's code in place of the cart's `node[key]`.

    Text only is a code; with `scope` (a characteristic's name) a value of any scalar type is looked up by its text.
    """
    if table is None:
        return node
    value = node.get(key)
    if type(value) in (dict, list) or value is None or (not scope and type(value) is not str):
        return node
    code, known = table.find(as_text(value), scope)
    where = f"{path}.{key}"
    if code is None:
        findings.error("unknown_code", where, f"It is not in the code table {table.name} ({table.file}); add it there.")
        return node
    if code == as_text(value):
        return node
    if known:
        findings.info("renamed", where, f"The order system's own word is sent, from the code table {table.name}.")
    else:
        findings.warning("defaulted", where, f"It is not in the code table {table.name}; its default is sent.")
    return {**node, key: code}


def recoded_characteristic(
    member: JsonObject, tables: Tables, path: str, findings: Findings, given: dict[str, str]
) -> JsonObject:
    """Return the characteristic with the order system's value and name; values are listed by the cart's name.

    `given` has the names of the characteristics beside it, the order system's and the cart's: where two of the cart's become
    one, an order system that keeps one value of each name loses the other.
    """
    name = member["name"]
    member = recoded(member, "value", tables.values, path, findings, scope=name)
    member = recoded(member, "name", tables.characteristics, path, findings)
    if given.setdefault(member["name"], name) != name:
        message = (
            "Another characteristic of the product is sent under this name, too: the order system may keep one of them."
        )
        findings.warning("renamed", f"{path}.name", message)
    return member
