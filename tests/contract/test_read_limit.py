"""A read that takes too long ends, whatever asks for it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from gateway.errors import UnavailableError
from gateway.settings import StorageSettings
from gateway.storage import open_database

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT count(*) FROM n"


@pytest.fixture
async def impatient(database):
    url = database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    opened = open_database(StorageSettings(url=url, read_seconds_max=0.2))
    yield opened
    await opened.close()


async def test_a_read_is_ended_after_its_time_and_the_reader_serves_on(impatient):
    with pytest.raises(UnavailableError, match="read_seconds_max"):
        await impatient.read(lambda connection: connection.execute(text(ENDLESS)).scalar_one())

    assert await impatient.read(lambda connection: connection.execute(text("SELECT 1")).scalar_one()) == 1
