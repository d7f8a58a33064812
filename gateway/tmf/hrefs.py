"""Addresses of resources: what a reference that has an `href` and no `id` refers to."""

from __future__ import annotations


def last_segment(href: object) -> str:
    """Return what the path of an address ends with, the id of the resource that it leads to; empty when there is none.

    Query, fragment and a `/` at the end are not part of it, and neither are scheme and host: `https://crm.example/` names
    nothing. What is not text has no path.
    """
    if type(href) is not str:
        return ""
    path = href.partition("#")[0].partition("?")[0]
    _, is_absolute, rest = path.partition("://")
    if is_absolute:
        path = rest.partition("/")[2]
    return path.rstrip("/").rpartition("/")[2]
