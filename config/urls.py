"""Every address of Nevus."""

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("config.health")),
    path("i18n/setlang/", set_language, name="set_language"),
    path("api/v1/", include("config.api_urls")),
    path("", include("clinic.urls")),
    path("", include("diagnosis.urls")),
]

handler404 = "clinic.views.errors.not_found"
handler500 = "clinic.views.errors.server_error"
