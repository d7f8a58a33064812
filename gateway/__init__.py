"""The TMF checkout gateway: a TMF663 shopping cart becomes a submitted TMF622 product order."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("tmf-checkout-gateway")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0+source"
