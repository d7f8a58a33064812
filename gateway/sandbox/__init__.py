"""A TMF622 order intake system to develop and test against: a separate process with faults and a ledger.

It shares no translation code with the gateway: what the gateway writes is judged by somebody else's reading.
`docs/reference/sandbox.md` describes its behaviour.
"""

from __future__ import annotations

from gateway.sandbox.faults import Fault, parse_fault
from gateway.sandbox.options import MAPPINGS, Mapping, SandboxOptions, SandboxProfile, profile_for
from gateway.sandbox.server import SandboxServer, run_sandbox, serving

__all__ = [
    "MAPPINGS",
    "Fault",
    "Mapping",
    "SandboxOptions",
    "SandboxProfile",
    "SandboxServer",
    "parse_fault",
    "profile_for",
    "run_sandbox",
    "serving",
]
