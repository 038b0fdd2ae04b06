"""The platform operator's pages: which models there are, where they read, which workers run."""

from django.contrib import admin
from django.http import HttpRequest

from clinic.admin import ReadOnly
from diagnosis.models import ModelPolicy, ModelVersion, Worker
from diagnosis.services.model_versions import activate_model


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnly):
    list_display = ["name", "version", "sha256", "created_at"]


@admin.register(ModelPolicy)
class ModelPolicyAdmin(admin.ModelAdmin):
    list_display = ["hospital", "model_version", "activated_at"]
    list_select_related = ["hospital", "model_version"]

    def save_model(self, request: HttpRequest, obj: ModelPolicy, form, change) -> None:
        """By the operator, who needs no role at the hospital."""
        activate_model(actor=None, hospital=obj.hospital, model_version=obj.model_version)

    def get_readonly_fields(self, request: HttpRequest, obj: ModelPolicy | None = None):
        return ["hospital"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False


@admin.register(Worker)
class WorkerAdmin(ReadOnly):
    list_display = ["name", "device", "reads", "problem", "started_at", "seen_at"]
