"""An order system that behaves as Salesforce Communications Cloud does."""

from __future__ import annotations
