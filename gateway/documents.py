"""What a JSON document is in Python: what `decode_json` of `gateway.tmf.json` returns, and `encode_json` takes.

Documents are open: a client, a partner and an order system may send attributes that no type of ours knows, and all of them are kept. So
their values have no type to be checked by; what they must be is said by the schema files (`gateway/tmf/schemas`), and what reads
one looks before it takes. What is decided from a document is handed on as a value with a type.
"""

from __future__ import annotations

from typing import Any, TypeAlias

# None, bool, str, int, Decimal, or a list or an object of them.
Json: TypeAlias = Any
JsonObject: TypeAlias = dict[str, Json]
