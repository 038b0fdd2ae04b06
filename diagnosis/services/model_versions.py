"""Model versions: registered from a checkpoint, made the one that reads for a hospital."""

import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from clinic.errors import DomainError
from clinic.models import Hospital, User
from clinic.permissions import require_administer
from clinic.services.audit import record_event
from diagnosis.models import ModelPolicy, ModelVersion


def active_model(hospital_id: UUID) -> ModelVersion:
    """The model version that reads for the hospital. Raises ``no_active_model`` (409)."""
    policy = (
        ModelPolicy.objects.select_related("model_version").filter(hospital=hospital_id).first()
    )
    if policy is None:
        message = _("No model is active at this hospital. An administrator has to activate one.")
        raise DomainError("no_active_model", message, status=409)
    return policy.model_version


def reads_for(hospital_id: UUID, model_version_id: UUID) -> bool:
    return ModelPolicy.objects.filter(hospital=hospital_id, model_version=model_version_id).exists()


def register_model(*, actor: User | None, folder: Path, manifest: dict, card: str) -> ModelVersion:
    """Copy a checkpoint that was verified by the caller below CHECKPOINT_ROOT and register it.

    The same name and version again is fine while the weights are the same; other weights raise
    ``model_version_exists`` (409).
    """
    name, version, sha256 = manifest["name"], manifest["version"], manifest["sha256"]
    existing = ModelVersion.objects.filter(name=name, version=version).first()
    if existing is not None and existing.sha256 == sha256:
        if not existing.path.exists():
            copy_checkpoint(folder, existing.path)
        return existing
    if existing is not None:
        message = _("%(name)s %(version)s is registered already, with other weights.")
        values = {"name": name, "version": version}
        raise DomainError("model_version_exists", message % values, status=409)
    model = ModelVersion(name=name, version=version, sha256=sha256, manifest=manifest, card=card)
    # not by the weights: two versions may share them and differ in thresholds
    model.folder = model.pk.hex
    copy_checkpoint(folder, model.path)
    try:
        with transaction.atomic():
            model.save(force_insert=True)
            record_event(actor=actor, action="register_model", hospital=None, obj=model)
    except BaseException:
        shutil.rmtree(model.path, ignore_errors=True)
        raise
    return model


def copy_checkpoint(source: Path, target: Path) -> None:
    """Copy beside the target first and rename: a worker never finds half a checkpoint.

    A checkpoint is files alone: a folder in it is the state of its training, many times as large,
    and stays where it is.
    """
    Path(settings.CHECKPOINT_ROOT).mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        shutil.copytree(source, partial, ignore=_folders)
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _folders(inside: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(inside) / name).is_dir()]


@transaction.atomic
def activate_model(*, actor: User | None, hospital: Hospital, model_version: ModelVersion) -> bool:
    """From now on the model version reads for the hospital; open requests keep theirs. False where
    it reads there already: nothing is changed then.

    ``actor`` is None for the platform's operator at the command line.
    """
    if actor is not None:
        require_administer(actor, hospital.pk)
    policy, is_first = ModelPolicy.objects.select_for_update().get_or_create(
        hospital=hospital, defaults={"model_version": model_version}
    )
    if not is_first:
        if policy.model_version_id == model_version.pk:
            return False
        policy.model_version = model_version
        policy.save()
    details = {"model_version": str(model_version.pk)}
    record_event(
        actor=actor, action="activate_model", hospital=hospital, obj=model_version, details=details
    )
    return True


@transaction.atomic
def retire_model(*, actor: User, hospital: Hospital, model_version: ModelVersion) -> None:
    """The model version reads for the hospital no longer; orders need another one to be active.

    Open requests keep theirs. Raises ``not_active`` (409) where it does not read there.
    """
    require_administer(actor, hospital.pk)
    policies = ModelPolicy.objects.filter(hospital=hospital, model_version=model_version)
    if not policies.delete()[0]:
        message = _("This model does not read for the hospital.")
        raise DomainError("not_active", message, status=409)
    details = {"model_version": str(model_version.pk)}
    record_event(
        actor=actor, action="retire_model", hospital=hospital, obj=model_version, details=details
    )


def without_model(hospitals: Iterable[Hospital]) -> list[Hospital]:
    """Those at which no model is active: an order there would be refused."""
    hospitals = list(hospitals)
    policies = ModelPolicy.objects.filter(hospital__in=hospitals)
    active = set(policies.values_list("hospital_id", flat=True))
    return [hospital for hospital in hospitals if hospital.pk not in active]
