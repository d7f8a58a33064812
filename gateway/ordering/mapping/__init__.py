"""One order system, as data: the keys of a mapping file, their types and their checks."""

from __future__ import annotations
