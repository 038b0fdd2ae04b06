"""The database of `make demo`: made by the same migrations as PostgreSQL's, and as strict."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from tests.threads import needs_postgresql

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def database(tmp_path: Path) -> sqlite3.Connection:
    """Migrated in a process without any variable of this run."""
    known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env=known | {"NEVUS_VAR": str(tmp_path)},
        check=True,
    )
    (file,) = tmp_path.glob("**/*.sqlite3")
    return sqlite3.connect(file)


@pytest.mark.django_db
def test_it_has_every_trigger_that_postgresql_has(database: sqlite3.Connection) -> None:
    needs_postgresql()
    rows = database.execute("SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE NOT t.tgisinternal"
        )
        assert sorted(rows) == sorted(cursor.fetchall())
