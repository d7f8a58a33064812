"""Where each value of a cart went: the account of a translation, and its explanation."""

from __future__ import annotations
