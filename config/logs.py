"""How log lines look: text for people, JSON for machines, both with the id of the request.

Lines carry primary keys, never names, file names, search text or tokens. Messages of exceptions
quote what they failed on, so the JSON form keeps their class and place and leaves the message out.
"""

import datetime
import json
import logging
import traceback
from typing import Any

from clinic import origin

# whatever "extra" a call gives besides: these are known to be harmless
FACTS = ("method", "view", "key", "status", "seconds")


class AddRequestId(logging.Filter):
    """A line of a batch may belong to another call than the one that runs: ``extra`` wins."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = origin.request_id.get()
        return True


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": utc(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", ""),
            "process": record.process,
        }
        line |= {name: getattr(record, name) for name in FACTS if hasattr(record, name)}
        if record.exc_info and record.exc_info[0] is not None:
            kind, _error, place = record.exc_info
            line["error"] = kind.__name__
            line["stack"] = "".join(traceback.format_tb(place))
        return json.dumps(line, default=str, ensure_ascii=False)


def utc(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def logging_of(form: str, level: str) -> dict[str, Any]:
    """Django's LOGGING; ``form`` is "line" or "json"."""
    own = {"handlers": ["stderr"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": AddRequestId}},
        "formatters": {
            "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s [%(request_id)s]"},
            "json": {"()": JsonFormatter},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": ["request_id"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # warnings quote a path that leads nowhere, where anybody may have typed a name; errors
            # one that led to a view, which holds only keys
            "django.request": {"level": "ERROR"},
            "django.server": {"level": "ERROR"},
            "axes": {"level": "ERROR"},
            # gunicorn brings a handler of its own, which knows nothing of the format
            "gunicorn.error": own | {"level": level},
        },
    }
