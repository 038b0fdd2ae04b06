"""What has to be there before a process can serve: database, tables, broker."""

from collections.abc import Callable

from celery import current_app
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import OperationalError
from kombu.exceptions import OperationalError as BrokerError

PAUSE_SECONDS = 1.0
# what PostgreSQL and Redis answer to a wrong name or password
REFUSALS = ("authentication failed", "no password supplied", "invalid username-password", "noauth")


class MissingError(Exception):
    """Not there yet; it may come."""


class RefusedError(Exception):
    """It is there and refuses us; only the operator can change that."""


def database() -> None:
    place = place_of_database()
    try:
        connection.ensure_connection()
    except OperationalError as error:
        reason = first_line(error)
        if is_refusal(reason):
            raise RefusedError(
                f"{place} refuses the user {connection.settings_dict['USER']!r}: "
                "the password is not the one that the database was set up with."
            ) from error
        raise MissingError(f"{place} does not answer: {reason}") from error


def migrations() -> None:
    database()
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        first = f"{plan[0][0].app_label}.{plan[0][0].name}"
        raise MissingError(
            f"{len(plan)} migrations are not applied yet, first of them {first}: "
            "the migrate job, or manage.py migrate, applies them."
        )


def broker() -> None:
    if not settings.REDIS_URL:
        return
    try:
        with current_app.connection_for_write() as link:
            link.ensure_connection(max_retries=1, timeout=2)
            link.default_channel.client.ping()
    # the transport's own errors as well as kombu's
    except (*current_app.connection_for_write().connection_errors, BrokerError) as error:
        reason = first_line(error)
        if is_refusal(reason):
            raise RefusedError("Redis refuses the password of REDIS_URL.") from error
        raise MissingError(f"Redis does not answer: {reason}") from error


PARTS: dict[str, Callable[[], None]] = {
    "database": database,
    "migrations": migrations,
    "broker": broker,
}


def place_of_database() -> str:
    """Where it is expected, without name and password of the account."""
    found = connection.settings_dict
    return f"{connection.display_name} at {found['HOST'] or found['NAME']}:{found['PORT'] or 5432}"


def first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def is_refusal(reason: str) -> bool:
    return any(words in reason.lower() for words in REFUSALS)
