"""The page of the API reference: Swagger UI from its package, served from here, so that nothing is loaded from elsewhere.

It is open without a token, as the document is: both say what this software can do, and nothing of what is stored. `Authorize` on
the page takes a token for what is tried out there.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from litestar import Request
from litestar.handlers import route
from swagger_ui_bundle import swagger_ui_path

from gateway.http.answers import Answer
from gateway.roles import PUBLIC

PAGE_PATH: Final = "/schema"
DOCUMENT_PATH: Final = "/schema/openapi.json"
_ASSETS: Final = {
    "swagger-ui-bundle.js": b"text/javascript; charset=utf-8",
    "swagger-ui.css": b"text/css; charset=utf-8",
    "favicon-32x32.png": b"image/png",
}
_START: Final = b"""window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: "/schema/openapi.json",
    dom_id: "#reference",
    deepLinking: true,
    validatorUrl: null,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    filter: true,
    tryItOutEnabled: false,
  });
});
"""
_PAGE: Final = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>TMF checkout gateway: API reference</title>
<link rel="stylesheet" href="/schema/swagger-ui.css">
<link rel="icon" type="image/png" href="/schema/favicon-32x32.png">
</head>
<body>
<noscript>The whole description, for tools: <a href="/schema/openapi.json">openapi.json</a></noscript>
<div id="reference"></div>
<script src="/schema/swagger-ui-bundle.js"></script>
<script src="/schema/start.js"></script>
</body>
</html>
"""
# Scripts, styles and requests of this origin alone, nothing inline; the icons of the style sheet are data of its own.
_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = [
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


class _File:
    """A file that the page loads: its bytes and headers, which never change while the process runs."""

    def __init__(self, body: bytes, media_type: bytes) -> None:
        self.body = body
        self.media_type = media_type
        self.tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'.encode()

    def answer(self, request: Request[Any, Any, Any]) -> Answer:
        """Return the file, or 304 where the browser has it."""
        headers = [*_HEADERS, (b"etag", self.tag), (b"cache-control", b"no-cache")]
        if request.headers.get("if-none-match", "").encode("latin-1") == self.tag:
            return Answer(status=304, headers=headers)
        return Answer(self.body, headers=headers, media_type=self.media_type)


_FILES: Final = {
    **{f"/schema/{name}": _File((swagger_ui_path / name).read_bytes(), kind) for name, kind in _ASSETS.items()},
    "/schema/start.js": _File(_START, _ASSETS["swagger-ui-bundle.js"]),
    PAGE_PATH: _File(_PAGE, b"text/html; charset=utf-8"),
}


@route("/", http_method=["GET", "HEAD"], include_in_schema=False, opt={"roles": PUBLIC})
async def start(request: Request[Any, Any, Any]) -> Answer:  # noqa: ARG001 - Litestar passes it by this name
    """Lead to the API reference."""
    return Answer(status=307, headers=[(b"location", PAGE_PATH.encode())])


@route(list(_FILES), http_method=["GET", "HEAD"], include_in_schema=False, opt={"roles": PUBLIC})
async def reference_file(request: Request[Any, Any, Any]) -> Answer:
    """Return the page of the API reference, or a file that it loads."""
    return _FILES[request.scope["path"].rstrip("/") or PAGE_PATH].answer(request)


@route(
    DOCUMENT_PATH,
    http_method=["GET", "HEAD"],
    opt={"openapi": {"tags": ["operation"], "security": []}, "roles": PUBLIC},
)
async def schema_document(request: Request[Any, Any, Any]) -> Answer:
    """Return the OpenAPI document of this API."""
    return Answer(request.app.state.openapi_json())


handlers: Final[list[Any]] = [start, reference_file, schema_document]
