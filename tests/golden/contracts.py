"""What other programs and people rely on: tables of the stores, OpenAPI, the commands' help."""

import contextlib
import io
import json
import os
import re
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import collector.cli
import edge.cli
from collector.store.postgres.store import PostgresStore
from collector.store.sqlite.store import SqliteStore
from edge.delivery.outbox import Outbox
from tests.collector.api.api_world import an_api

EDGE = ("run", "status", "replay", "evaluate", "compare-models", "bench", "setup", "annotate", "check")
COLLECTOR = (
    "run",
    "totals",
    "balance",
    "zones",
    "convoys",
    "compare",
    "usual",
    "devices",
    "ahead",
    "overlaps",
    "models",
    "gaps",
    "refusals",
    "alerts",
    "verdicts",
    "export",
    "rollup",
    "backup",
    "restore",
    "pack",
    "token",
)
TOKEN = ("add", "link", "remove", "list")

COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema = 'crossing' AND table_name !~ '_[0-9]{4}_[0-9]{2}$' ORDER BY table_name, ordinal_position
"""
INDEXES = """
SELECT indexdef FROM pg_indexes WHERE schemaname = 'crossing' AND tablename !~ '_[0-9]{4}_[0-9]{2}$' ORDER BY indexdef
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'crossing'::regnamespace AND conrelid::regclass::text !~ '_[0-9]{4}_[0-9]{2}$' ORDER BY 1, 2
"""


def made_with() -> dict[str, str]:
    """The versions that shape what is recorded; `--help` and OpenAPI read otherwise with others."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"python": python, "fastapi": version("fastapi"), "pydantic": version("pydantic")}


def sqlite_tables() -> str:
    """Of the collector's store and of the device's outbox."""
    with tempfile.TemporaryDirectory(prefix="crossing-golden-") as folder:
        store, outbox = Path(folder) / "store.sqlite", Path(folder) / "outbox.sqlite"
        SqliteStore(store).close()
        Outbox(outbox).close()
        return "".join(f"== {path.stem}\n{_tables(path)}" for path in (store, outbox))


def postgres_tables(url: str) -> str:
    """Of the collector's store in an empty database."""
    import psycopg  # noqa: PLC0415 - an extra

    PostgresStore(url).close()
    with psycopg.connect(url) as database:
        database.execute("SET search_path TO crossing")
        rows = [row for query in (COLUMNS, INDEXES, CONSTRAINTS) for row in database.execute(query)]
    return "".join(" | ".join(str(value) for value in row) + "\n" for row in rows)


def openapi() -> str:
    """The document of the API."""
    with tempfile.TemporaryDirectory(prefix="crossing-golden-") as folder:
        api = an_api(Path(folder), [])
        try:
            return json.dumps(api.app.openapi(), indent=1, sort_keys=True) + "\n"
        finally:
            api.context.pool.close()
            api.store.close()


def help_texts() -> str:
    """`--help` of both programs, and of each of their commands."""
    asked: list[tuple[str, Callable[[list[str]], object], list[str]]] = [("crossing-edge", edge.cli.main, [])]
    asked += [("crossing-edge", edge.cli.main, [word]) for word in EDGE]
    asked += [("crossing-collector", collector.cli.main, [])]
    asked += [("crossing-collector", collector.cli.main, [word]) for word in COLLECTOR]
    asked += [("crossing-collector", collector.cli.main, ["token", word]) for word in TOKEN]
    return "".join(f"== {program} {' '.join(words)}\n{_help(main, words)}" for program, main, words in asked)


def _help(main: Callable[[list[str]], object], words: list[str]) -> str:
    out = io.StringIO()
    with _width(), contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main([*words, "--help"])
    return out.getvalue()


@contextlib.contextmanager
def _width() -> Iterator[None]:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "120"
    try:
        yield
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)


def _tables(path: Path) -> str:
    with contextlib.closing(sqlite3.connect(path)) as database:
        (numbers,) = [
            tuple(database.execute(f"PRAGMA {what}").fetchone()[0] for what in ("application_id", "user_version"))
        ]
        rows = database.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    return f"{numbers}\n" + "".join(f"{kind} {name}: {_without_comments(sql)}\n" for kind, name, sql in rows)


def _without_comments(sql: str | None) -> str:
    return re.sub(r"\s*--[^\n]*|\s+(?=\n)", "", sql or "")
