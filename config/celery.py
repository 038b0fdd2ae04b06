"""The Celery application. Tasks are the apps' tasks.py; the queue itself is in the database."""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import after_task_publish, beat_init

from config import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")

broker.register()
app = Celery("nevus")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@beat_init.connect
def note_rings(**_facts: Any) -> None:
    from django.conf import settings

    # beat's own schedule lies there too, and nobody else may have made the folder
    Path(settings.VAR_DIR).mkdir(parents=True, exist_ok=True)
    after_task_publish.connect(note_ring, weak=False)


def note_ring(**_facts: Any) -> None:
    """Beat listens nowhere: the age of this file is what a health check looks at."""
    from django.conf import settings

    Path(settings.VAR_DIR, "beat.alive").touch()
