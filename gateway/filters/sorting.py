"""The order of a list (TMF630 `sort`): `sort=-lastUpdate,+name`, first the first. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from gateway.errors import Problem
from gateway.filters.parse import PATH_CHARACTERS_MAX, PATH_PARTS_MAX, Path, same_path

SORTS_MAX: Final = 5
_PATH: Final = re.compile(r"@?[A-Za-z_][A-Za-z0-9_-]*+(?:\.@?[A-Za-z_][A-Za-z0-9_-]*+)*+", re.ASCII)


class Sort(NamedTuple):
    """One attribute of an order."""

    path: Path
    descending: bool


def parse_sort(
    values: Sequence[str], problems: list[Problem], *, translate: Callable[[Path], Path] = same_path
) -> tuple[Sort, ...]:
    """Return the order that `sort` asks for, the first attribute first.

    `-` is descending, `+` or nothing ascending; the plus arrives as a blank when it was not encoded.

    Args:
        values: every value of the parameter `sort`, each a list of dotted names separated by commas.
        problems: what is wrong is added here; nothing is sorted by then.
        translate: turns a path of the client's terms into one of the stored documents.

    Raises:
        Nothing: what is wrong is a problem, and `refuse` raises them together.

    Source: TMF630 part 1 (sorting).
    """
    names = [name.strip() for value in values for name in value.split(",") if name.strip()]
    if len(names) > SORTS_MAX:
        problems.append(Problem("sort", f"names more than {SORTS_MAX} attributes"))
        return ()
    found = []
    for name in names:
        attribute = name.lstrip("+-") if name[:1] in {"+", "-"} else name
        parts = attribute.split(".")
        if not _PATH.fullmatch(attribute) or len(attribute) > PATH_CHARACTERS_MAX or len(parts) > PATH_PARTS_MAX:
            problems.append(Problem("sort", "must be attributes separated by commas, each with + or - before it"))
            return ()
        found.append(Sort(translate(tuple(parts)), descending=name.startswith("-")))
    return tuple(found)
