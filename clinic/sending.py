"""A picture on its way to the browser."""

from urllib.parse import quote

from django.conf import settings
from django.http import HttpResponse


def picture_response(content: bytes, *, key: str, media_type: str) -> HttpResponse:
    """The picture; behind nginx (NEVUS_ACCEL_PREFIX) an order to send it from its folder.

    ``content`` was read and checked in either case: an altered file is never shown. nginx takes
    over the sending, which a slow line makes long.
    """
    prefix = settings.NEVUS_ACCEL_PREFIX
    if not prefix or settings.BUCKET:
        return HttpResponse(content, content_type=media_type)
    response = HttpResponse(content_type=media_type)
    response["X-Accel-Redirect"] = f"{prefix.rstrip('/')}/{quote(key)}"
    return response
