"""The OpenAPI description, and the page that shows it without the internet."""

from django.conf import settings
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


class SchemaView(SpectacularAPIView):
    """JSON unless the Accept header or ``?format=yaml`` asks for YAML. Open to everybody."""

    renderer_classes = [
        OpenApiJsonRenderer2,
        OpenApiJsonRenderer,
        OpenApiYamlRenderer,
        OpenApiYamlRenderer2,
    ]
    authentication_classes: list = []

    def get_renderers(self) -> list:
        renderers = super().get_renderers()
        wanted = self.request.GET.get("format")
        chosen = [renderer for renderer in renderers if renderer.format.endswith(wanted or "")]
        return chosen or renderers


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI from our own static files. Its script is the same address with ``?script=``."""

    authentication_classes: list = []
    template_name = "api/docs.html"
    url_name = "api-schema"
    title = settings.SPECTACULAR_SETTINGS["TITLE"]
