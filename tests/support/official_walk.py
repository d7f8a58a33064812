"""A client that compares every answer with the official API file of a version: the status, and the body by its schema."""

from __future__ import annotations

import re
from typing import Any

import httpx
from official_cart_schemas import V4_FILE, V5_FILE, needed, problems, v4_document, v5_document

BASES = {"v4": "/tmf-api/shoppingCart/v4", "v5": "/tmf-api/shoppingCart/v5"}
# Answers of HTTP and of TMF630 that the files do not declare, with the declared ones whose schema they have.
ALSO = {206: "200", 304: "204"}
# A merge, which is an operation of our own, answers with the cart.
OWN = {("POST", "/shoppingCart/{id}/merge"): ("PATCH", "/shoppingCart/{id}")}
# Reading subscriptions is our own too: they have the schema of the one that is made.
HUB_READS = {("GET", "/hub"), ("GET", "/hub/{id}")}


def official(version: str) -> dict[str, Any]:
    needed(V4_FILE if version == "v4" else V5_FILE)
    return v4_document() if version == "v4" else v5_document()


def declared(version: str) -> dict[str, set[str]]:
    """Return the statuses that the file declares by path, those of all methods together; `default` for any error."""
    found: dict[str, set[str]] = {}
    for path, operations in official(version)["paths"].items():
        if not path.startswith("/listener"):
            found[path] = {status for operation in operations.values() for status in operation["responses"]}
    return found


class OfficialClient:
    """Sends requests to one version's API and validates what comes back; `seen` are the statuses by path."""

    def __init__(self, client: httpx.AsyncClient, version: str, token: str = "") -> None:
        self._client = client
        self.version = version
        self._token = token
        self.seen: set[tuple[str, str]] = set()

    async def send(
        self, method: str, path: str, status: int, body: Any = None, *, token: str | None = None, **options: Any
    ) -> Any:
        """Return the decoded body, once the answer has that status and is valid; `path` comes after the base path."""
        headers = {"authorization": f"Bearer {self._token if token is None else token}", **options.pop("headers", {})}
        answer = await self._client.request(
            method,
            f"{BASES[self.version]}{path}",
            headers=headers,
            **({"json": body} if body is not None else {}),
            **options,
        )
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        template = re.sub(r"^/(shoppingCart|hub)/[^/]+", r"/\1/{id}", path.partition("?")[0])
        self.seen.add((template, str(status)))
        self.valid(method, template, answer)
        return answer.json() if answer.content else None

    def valid(self, method: str, template: str, answer: httpx.Response) -> None:
        """Compare an answer with what is declared for it."""
        schema = None if method == "HEAD" else self.schema_of(method, template, answer.status_code)
        if schema is None:
            assert answer.content == b"", f"{method} {template} {answer.status_code} has a body"
            return
        assert answer.headers["content-type"].split(";")[0] == "application/json"
        body = answer.json()
        is_list = schema.endswith("[]")
        assert isinstance(body, list) == is_list, f"{method} {template} {answer.status_code}: {schema}"
        for entry in body if is_list else [body]:
            found = problems(self.version, schema.removesuffix("[]"), entry)
            assert found == [], f"{method} {template} {answer.status_code}: {found}"
        if answer.status_code >= 400:
            assert body["status"] == str(answer.status_code)

    def schema_of(self, method: str, template: str, status: int) -> str | None:
        """Return the name of the schema that an answer has, with `[]` for a list; None without a body."""
        document = official(self.version)
        if (method, template) in HUB_READS and status < 400:
            name = "EventSubscription" if self.version == "v4" else "Hub"
            return name if template.endswith("{id}") else f"{name}[]"
        method, template = OWN.get((method, template), (method, template))
        operation = document["paths"].get(template, {}).get(method.lower(), {"responses": {}})
        code = ALSO.get(status, str(status))
        response = operation["responses"].get(code)
        if response is None and status >= 400:
            return "Error"
        assert response is not None or status == 304, f"{method} {template} is never answered with {status}"
        schema = schema_in(document, response or {})
        if schema is None:
            return None
        is_list = schema.get("type") == "array"
        return str((schema["items"] if is_list else schema)["$ref"]).rpartition("/")[2] + ("[]" if is_list else "")


def schema_in(document: dict[str, Any], response: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of a declared response, of either kind of file."""
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    found = response if "schema" in response else response.get("content", {}).get("application/json", {})
    schema: dict[str, Any] | None = found.get("schema")
    return schema
