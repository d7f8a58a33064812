"""Mapping files: TOML text to a checked `Mapping`, every mistake of a file reported at once.

No file is opened here: the caller reads the bytes, so that the command line, a running service that reloads and a test
use the same function.
"""

from __future__ import annotations

from gateway.errors import MappingError, Problem
from gateway.ordering.lint.consistency import inconsistencies
from gateway.ordering.mapping.keys import KeyReader
from gateway.ordering.mapping.mistakes import FirstProblems
from gateway.ordering.mapping.model import NOT_IN_FILE, Mapping
from gateway.ordering.mapping.toml import TomlMistakeError, read_toml


def parse_mapping(text: bytes, source: str) -> Mapping:
    """Return the mapping that the TOML `text` describes; `source` is the file's name, for messages.

    Raises MappingError with every mistake, as `read_mapping` tells them.
    """
    problems: list[Problem] = []
    mapping = read_mapping(text, source, problems)
    if problems or mapping is None:
        raise MappingError(source, problems)
    return mapping


def read_mapping(text: bytes, source: str, problems: list[Problem]) -> Mapping | None:
    """Return what can be read of a mapping file, None when it is not TOML.

    With a problem the mapping is only good for looking for mistakes elsewhere.

    Args:
        text: the file as it is, TOML in UTF-8.
        source: the file's path: its name must be the mapping's.
        problems: every mistake is added here: unknown keys, wrong types, missing keys, values out of range, words that mean
            nothing, keys that contradict each other.

    Raises:
        Nothing: what is wrong is a problem with its key.

    Source: `docs/reference/mapping.md`, generated from the same Structs.
    """
    try:
        document = read_toml(text)
    except TomlMistakeError as error:
        problems.append(Problem("", str(error)))
        return None
    few = FirstProblems("", problems)
    mapping: Mapping = KeyReader(Mapping, few, NOT_IN_FILE).read(document)
    wrong = {problem.path for problem in problems}
    few.extend(problem for problem in inconsistencies(mapping, source) if not _touches(problem.path, wrong))
    return mapping


def _touches(path: str, wrong: set[str]) -> bool:
    """Tell whether `path` or a table above or below it is wrong already: a second message on it would only confuse."""
    return any(
        path == other or path.startswith((f"{other}.", f"{other}[")) or other.startswith((f"{path}.", f"{path}["))
        for other in wrong
    )
