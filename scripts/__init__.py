"""Tools of the project itself: installation, lock files, generated pages."""

from __future__ import annotations
