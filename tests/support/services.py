"""Start PostgreSQL and Redis once per test run, before Django reads its settings."""

import contextlib
import os
import shutil
import signal
import tempfile
from types import FrameType

import pytest
from django.conf import settings

from diagnosis.demo.processes import ProcessError
from tests.support.postgres import Postgres, PrivatePostgres
from tests.support.redis import Redis

SETTINGS = "config.settings.test"
POSTGRES = pytest.StashKey[Postgres]()
ENDINGS = pytest.StashKey[contextlib.ExitStack]()
# how the workers of pytest-xdist find what their controller started
HANDOVER = "NEVUS_TEST_POSTGRES"


def start(config: pytest.Config) -> None:
    """Point the environment at private services; Django is set up after this."""
    if settings.configured:
        raise pytest.UsageError("Unset DJANGO_SETTINGS_MODULE: the tests bring their own settings.")
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    # a terminated run cleans up as an interrupted one does
    signal.signal(signal.SIGTERM, _interrupt)
    with contextlib.ExitStack() as endings:
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        if worker is None:
            try:
                _start_servers(config, endings)
            except (FileNotFoundError, ProcessError) as error:
                raise pytest.UsageError(str(error)) from error
        else:
            _join_servers(config, int(worker.removeprefix("gw")))
        _use_own_folder(endings)
        # pytest-django prepares Django where the settings have been read
        assert settings.DATABASES
        config.stash[ENDINGS] = endings.pop_all()


def stop(config: pytest.Config) -> None:
    if ENDINGS in config.stash:
        config.stash[ENDINGS].close()


def _start_servers(config: pytest.Config, endings: contextlib.ExitStack) -> None:
    postgres, redis = PrivatePostgres(), Redis()
    endings.callback(postgres.stop)
    endings.callback(redis.close)
    if config.getoption("collectonly"):
        # the settings want addresses, nobody connects
        os.environ["DATABASE_URL"] = postgres.url("nevus")
        os.environ["REDIS_URL"] = redis.url()
        return
    postgres.start()
    redis.start()
    config.stash[POSTGRES] = postgres
    os.environ[HANDOVER] = f"{postgres.port} {postgres.password}"
    os.environ["DATABASE_URL"] = postgres.url("nevus")
    os.environ["REDIS_URL"] = redis.url()


def _join_servers(config: pytest.Config, number: int) -> None:
    port, password = os.environ[HANDOVER].split()
    config.stash[POSTGRES] = Postgres(port=int(port), password=password)
    # one of Redis' sixteen databases for each; pytest-django names the PostgreSQL ones apart
    address, _, _ = os.environ["REDIS_URL"].rpartition("/")
    os.environ["REDIS_URL"] = f"{address}/{number % 15 + 1}"


def _use_own_folder(endings: contextlib.ExitStack) -> None:
    folder = tempfile.mkdtemp(prefix="nevus-var-")
    endings.callback(shutil.rmtree, folder, ignore_errors=True)
    os.environ["NEVUS_VAR"] = folder
    for name in ("MEDIA_ROOT", "STATIC_ROOT", "CHECKPOINT_ROOT", "PROMETHEUS_MULTIPROC_DIR"):
        os.environ.pop(name, None)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
