"""Pictures, given only to who may see them and never from a public path."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from clinic import imaging
from clinic.models import Image
from clinic.permissions import get_visible
from clinic.sending import picture_response
from clinic.services.audit import record_event
from clinic.services.images import (
    picture_address,
    read_stored,
    read_thumbnail,
    thumbnail_address,
)
from clinic.views.access import guard

# asked for again each time, so that every look is checked; thumbnails may be kept a while
ASK_AGAIN = "private, no-cache"
KEEP_A_WHILE = "private, max-age=600"
# a signed address works for a minute only
NEVER_KEEP = "no-store"


@guard
@require_safe
def image_file(request: HttpRequest, pk) -> HttpResponse:
    image = get_visible(Image.objects, request.user, pk=pk)
    record_event(actor=request.user, action="view_image", hospital=image.hospital_id, obj=image)
    etag = f'"{image.sha256}"'
    response = get_conditional_response(request, etag=etag)
    if response is None:
        if address := picture_address(image):
            return redirected(address)
        content, key = read_stored(image), str(image.file)
        response = picture_response(content, key=key, media_type=image.media_type)
    name = f"image-{image}{imaging.EXTENSIONS[image.media_type]}"
    return as_picture(response, etag=etag, name=name, cache=ASK_AGAIN)


@guard
@require_safe
def image_thumbnail(request: HttpRequest, pk) -> HttpResponse:
    image = get_visible(Image.objects, request.user, pk=pk)
    etag = f'"{image.sha256}-thumbnail"'
    response = get_conditional_response(request, etag=etag)
    if response is None:
        if address := thumbnail_address(image):
            return redirected(address)
        content, key = read_thumbnail(image), str(image.thumbnail)
        response = picture_response(content, key=key, media_type="image/jpeg")
    return as_picture(response, etag=etag, name=f"image-{image}-small.jpg", cache=KEEP_A_WHILE)


def redirected(address: str) -> HttpResponse:
    """To the bucket, by an address that is signed and soon worthless."""
    response = HttpResponseRedirect(address)
    response["Cache-Control"] = NEVER_KEEP
    return response


def as_picture(response: HttpResponse, *, etag: str, name: str, cache: str) -> HttpResponse:
    response["ETag"] = etag
    response["Cache-Control"] = cache
    response["Content-Disposition"] = f'inline; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    # a picture opened by its own address runs and loads nothing
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
