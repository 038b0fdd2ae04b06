"""Database triggers for what a check constraint cannot say, on PostgreSQL and SQLite alike."""

from collections.abc import Callable

from django.db.migrations import RunPython
from django.db.migrations.operations.base import Operation

# a session keeps the plan that it once made, perhaps while the tables were empty: a trigger finds
# its rows by their keys, and never reads a table through
LOOK_UP = "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off"


def refuse(name: str, table: str, event: str, *, when: str = "") -> RunPython:
    """A migration operation: ``event`` (UPDATE, DELETE or INSERT) on a row of ``table`` fails with
    the trigger's name, only where the SQL condition ``when`` (over OLD and NEW) holds."""
    return RunPython(_create(name, table, event, when, when), _drop(name, table))


def refuse_again(name: str, table: str, event: str) -> RunPython:
    """The trigger of ``refuse``, where it was lost: SQLite changes a column by building the table
    anew, and the triggers of the old one go with it."""
    make = _create(name, table, event, "", "")

    def create(apps, editor) -> None:
        if editor.connection.vendor == "sqlite":
            editor.execute(f"DROP TRIGGER IF EXISTS {name}")
            make(apps, editor)

    return RunPython(create, RunPython.noop)


def refuse_unless(name: str, table: str, event: str, *, sqlite: str, postgresql: str) -> RunPython:
    """The same, with the condition that must hold written for each database."""
    return RunPython(
        _create(name, table, event, f"NOT ({sqlite})", f"NOT ({postgresql})"), _drop(name, table)
    )


def beside_triggers(*operations: Operation) -> list[Operation]:
    """Operations that change tables with triggers. SQLite builds such a table anew, without its
    triggers and where none names it: there all of them step aside meanwhile."""
    waiting: list[str] = []

    def step_aside(apps, editor) -> None:
        if editor.connection.vendor != "sqlite":
            return
        with editor.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            found = cursor.fetchall()
        waiting[:] = [sql for _name, sql in found]
        for name, _sql in found:
            editor.execute(f"DROP TRIGGER {name}")

    def come_back(apps, editor) -> None:
        for sql in waiting:
            # a percent sign in it is one, as in what makes a trigger
            editor.execute(sql, params=None)
        waiting.clear()

    return [
        RunPython(step_aside, come_back),
        *operations,
        RunPython(come_back, step_aside),
    ]


def run_after(name: str, table: str, event: str, *, when: str, statement: str) -> RunPython:
    """After ``event`` on a row for which ``when`` (over NEW, OLD) holds, run the SQL ``statement``;
    several are divided by semicolons."""

    def create(apps, editor) -> None:
        if editor.connection.vendor == "sqlite":
            editor.execute(
                f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW WHEN {when} "
                f"BEGIN {statement}; END"
            )
            return
        editor.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {LOOK_UP} AS $$ BEGIN "
            f"{statement}; RETURN NULL; END $$"
        )
        editor.execute(
            f"CREATE TRIGGER {name} AFTER {event} ON {table} "
            f"FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION {name}()"
        )

    return RunPython(create, _drop(name, table))


def stop(made: RunPython) -> RunPython:
    """The trigger that ``made`` creates, taken away; the way back creates it again."""
    return RunPython(made.reverse_code, made.code)


def same_hospital(table: str, kind: str, parent: str, name: str) -> list[RunPython]:
    """The rows of ``table`` (each a ``kind``) are at the hospital of the row of ``parent`` to which
    their column ``name`` points, and go where that goes."""
    # found by the key alone; a parent that is not there is refused by its foreign key
    is_parent_s = (
        f"NEW.hospital_id = (SELECT p.hospital_id FROM {parent} p "  # noqa: S608
        f"WHERE p.id = NEW.{name}_id)"
    )
    unchanged = f"(NEW.hospital_id = OLD.hospital_id AND NEW.{name}_id = OLD.{name}_id)"
    conditions = {"INSERT": is_parent_s, "UPDATE": f"({unchanged} OR {is_parent_s})"}
    refusals = [
        refuse_unless(
            f"{kind}_is_at_its_{name}_s_hospital_{event.lower()}",
            table,
            event,
            sqlite=condition,
            postgresql=condition,
        )
        for event, condition in conditions.items()
    ]
    follow = run_after(
        f"{kind}_goes_with_its_{name}",
        parent,
        "UPDATE",
        when="NEW.hospital_id <> OLD.hospital_id",
        statement=f"UPDATE {table} SET hospital_id = NEW.hospital_id "  # noqa: S608
        f"WHERE {name}_id = NEW.id",
    )
    return [*refusals, follow]


def _create(name: str, table: str, event: str, sqlite: str, postgresql: str) -> Callable:
    def create(apps, editor) -> None:
        if editor.connection.vendor == "sqlite":
            when = f"WHEN {sqlite}" if sqlite else ""
            editor.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {when} "
                f"BEGIN SELECT RAISE(ABORT, '{name}'); END"
            )
            return
        # the condition stands in the function: WHEN of a PostgreSQL trigger knows no subqueries
        row = "OLD" if event == "DELETE" else "NEW"
        editor.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {postgresql or 'true'} THEN RAISE EXCEPTION '{name}' "
            f"USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN {row}; END $$"
        )
        editor.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {name}()"
        )

    return create


def _drop(name: str, table: str) -> Callable:
    def drop(apps, editor) -> None:
        if editor.connection.vendor == "sqlite":
            editor.execute(f"DROP TRIGGER {name}")
            return
        editor.execute(f"DROP TRIGGER {name} ON {table}")
        editor.execute(f"DROP FUNCTION {name}()")

    return drop
