"""The addresses of the API."""

from django.urls import URLPattern, path, re_path
from rest_framework.routers import SimpleRouter

from clinic.api.audit import AuditEventViewSet
from clinic.api.hospitals import HospitalViewSet, MeViewSet
from clinic.api.images import ImageViewSet
from clinic.api.lesions import LesionViewSet
from clinic.api.patients import PatientViewSet
from clinic.api.tokens import TokenViewSet
from config.api import UnknownAddress
from config.api_docs import DocsView, SchemaView
from diagnosis.api.batches import BatchViewSet
from diagnosis.api.differences import PatientDifferencesViewSet
from diagnosis.api.histopathology import LesionHistopathologyViewSet
from diagnosis.api.models import ModelVersionViewSet
from diagnosis.api.patient_reports import PatientReportViewSet
from diagnosis.api.reports import HospitalReportViewSet
from diagnosis.api.requests import DiagnosisViewSet

router = SimpleRouter()
router.register("tokens", TokenViewSet, "api-token")
router.register("hospitals", HospitalViewSet, "api-hospital")
router.register("patients", PatientViewSet, "api-patient")
router.register("lesions", LesionViewSet, "api-lesion")
router.register("images", ImageViewSet, "api-image")
router.register("diagnoses", DiagnosisViewSet, "api-diagnosis")
router.register("batches", BatchViewSet, "api-batch")
router.register("models", ModelVersionViewSet, "api-model")

urlpatterns: list[URLPattern] = [
    *router.urls,
    path("audit-events/", AuditEventViewSet.as_view({"get": "list"}), name="api-audit-event-list"),
    path("me/", MeViewSet.as_view({"get": "retrieve"}), name="api-me"),
    path(
        "patients/<str:pk>/lesion-differences/",
        PatientDifferencesViewSet.as_view({"get": "retrieve"}),
        name="api-patient-lesion-differences",
    ),
    path(
        "lesions/<str:pk>/histopathology/",
        LesionHistopathologyViewSet.as_view({"get": "list", "post": "create"}),
        name="api-lesion-histopathology",
    ),
    path(
        "reports/hospital/",
        HospitalReportViewSet.as_view({"get": "retrieve"}),
        name="api-hospital-report",
    ),
    path(
        "reports/patient/<str:pk>/",
        PatientReportViewSet.as_view({"get": "retrieve"}),
        name="api-patient-report",
    ),
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", DocsView.as_view(), name="api-docs"),
    # last: whatever else is below /api/v1/
    re_path("", UnknownAddress.as_view(), name="api-unknown"),
]
