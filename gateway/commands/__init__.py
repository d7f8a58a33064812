"""The subcommands of `gateway`, one module each."""

from __future__ import annotations
