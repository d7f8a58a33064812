"""Performing the steps of a checkout: claim, intent, one send, recorded outcome; and finding out what became of a lost call."""

from __future__ import annotations
