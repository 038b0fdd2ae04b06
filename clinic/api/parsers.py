"""Bodies that are too large are refused by their announced length, before they are read."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser, MultiPartParser

from clinic.errors import DomainError, FieldError


def announced_length(context: dict[str, Any]) -> int:
    # the framework reads no body without a length
    return int(context["request"].META.get("CONTENT_LENGTH") or 0)


class LimitedJSONParser(JSONParser):
    """An object of moderate size; no endpoint takes anything else."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        if announced_length(parser_context) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise DomainError("body_too_large", _("The body is too large."), status=413)
        try:
            body = super().parse(stream, media_type, parser_context)
        except RecursionError:
            # nested deeper than any object of ours
            body = None
        if not isinstance(body, dict):
            raise ParseError(_("The body is not a JSON object."))
        return body


class UploadParser(MultiPartParser):
    """One file and a few fields."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        limit = settings.NEVUS_MAX_UPLOAD_BYTES
        if announced_length(parser_context) > limit + settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            message = _("The file is larger than %(limit)d MB.") % {"limit": limit // 1024**2}
            raise FieldError("file_too_large", message, field="file", status=413)
        parsed = super().parse(stream, media_type, parser_context)
        # the framework hands out the last one of a name and drops the others silently
        if sum(len(files) for _name, files in parsed.files.lists()) > 1:
            message = _("Send one picture at a time.")
            raise FieldError("several_files", message, field="file")
        return parsed


class BatchParser(MultiPartParser):
    """Many files and a few fields."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        limit = settings.NEVUS_MAX_BATCH_BYTES
        if announced_length(parser_context) > limit:
            message = _("One request holds up to %(limit)d MB. Send fewer pictures at a time.")
            values = {"limit": limit // 1024**2}
            raise FieldError("body_too_large", message % values, field="files", status=413)
        return super().parse(stream, media_type, parser_context)
