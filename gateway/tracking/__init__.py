"""Following live orders: notifications are recorded first and are only hints; the state that counts is read from the order."""

from __future__ import annotations
