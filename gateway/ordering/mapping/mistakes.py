"""The first mistakes of a file: a file of a million wrong lines is one mistake, made often."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.errors import Problem

PROBLEMS_MAX: Final = 100
"""Mistakes of one file, or of one of its tables, that are told one by one."""


class FirstProblems:
    """Takes the problems of one file into a list of many files' problems, and says where it stops."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many problems were given."""
        return self._taken

    def append(self, problem: Problem) -> None:
        """Take a problem, unless there are enough."""
        self._taken += 1
        if self._taken <= PROBLEMS_MAX:
            self._problems.append(problem)
        elif self._taken == PROBLEMS_MAX + 1:
            self._problems.append(Problem(self._file, f"has more mistakes than these {PROBLEMS_MAX}; mend them first"))

    def extend(self, problems: Iterable[Problem]) -> None:
        """Take several, as long as there are not enough."""
        for problem in problems:
            self.append(problem)
            if self._taken > PROBLEMS_MAX:
                return
