"""Every address of Nevus."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("config.health")),
    path("api/v1/", include("config.api_urls")),
    path("", include("clinic.urls")),
    path("", include("diagnosis.urls")),
]

handler404 = "clinic.views.errors.not_found"
handler500 = "clinic.views.errors.server_error"
