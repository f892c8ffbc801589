"""Stores for the tests: whatever one promises, both must keep."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collector.domain.limits import DEFAULTS, Limits
from collector.store.interface import Store
from collector.store.postgres.store import PostgresStore
from collector.store.sqlite.store import SqliteStore
from tests.collector.postgres import Server, binaries, server

OpenStore = Callable[..., Store]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A private server for the whole session."""
    if binaries() is None:
        pytest.skip("PostgreSQL 15 is not installed (Debian: postgresql-15)")
    with server() as running:
        yield running


@pytest.fixture
def postgres_url(postgres: Server) -> str:
    """The URL of an empty database."""
    import psycopg  # noqa: PLC0415

    with psycopg.connect(postgres.url, autocommit=True) as database:
        database.execute("DROP SCHEMA IF EXISTS crossing CASCADE")
    return postgres.url


@pytest.fixture(params=["sqlite", "postgres"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """Opens one and the same store, again and again; all are closed at the end."""
    opened: list[Store] = []
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""

    def opening(*, write: bool = True, refusals_max: int = 1_000, limits: Limits = DEFAULTS) -> Store:
        store: Store
        if url:
            store = PostgresStore(url, write=write, refusals_max=refusals_max, limits=limits)
        else:
            store = SqliteStore(tmp_path / "store.sqlite", write=write, refusals_max=refusals_max, limits=limits)
        opened.append(store)
        return store

    yield opening
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    """An empty store."""
    return open_store()
