"""Model versions: registered from a checkpoint, made the one that reads."""

import shutil
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest
from django.core.management import CommandError, call_command

from clinic.errors import DomainError
from clinic.models import AuditEvent
from diagnosis.inference import read_checkpoint
from diagnosis.models import ModelPolicy, ModelVersion
from diagnosis.services import model_versions
from diagnosis.services.model_versions import activate_model, active_model, register_model
from ml.errors import CheckpointError
from tests.checkpoints import registered, write_checkpoint
from tests.factories import (
    DiagnosisRequestFactory,
    HospitalFactory,
    ModelPolicyFactory,
    ModelVersionFactory,
    UserFactory,
    administrator,
    doctor,
    integration,
    member,
)

pytestmark = pytest.mark.django_db
PARTS = {"model.safetensors", "manifest.json", "MODEL_CARD.md"}


def register(folder: Path) -> ModelVersion:
    manifest, card = read_checkpoint(folder)
    return register_model(actor=None, folder=folder, manifest=manifest, card=card)


def kept(settings) -> list[str]:
    return sorted(path.name for path in Path(settings.CHECKPOINT_ROOT).glob("*"))


def test_a_checkpoint_is_copied_and_described(settings, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "new", name="tiny", version="2.1")
    (folder / "run").mkdir()
    (folder / "run" / "state.pt").write_bytes(b"gigabytes of a training")
    model = register(folder)
    shutil.rmtree(folder)
    assert (str(model), len(model.labels)) == ("tiny 2.1", 7)
    assert {path.name for path in model.path.iterdir()} == PARTS
    assert model.card == (model.path / "MODEL_CARD.md").read_text()
    assert model.thresholds == model.manifest["thresholds"]
    assert kept(settings) == [model.folder]
    event = AuditEvent.objects.get()
    assert (event.action, event.object_id) == ("register_model", str(model.pk))


def test_registering_again_changes_nothing(settings, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "new")
    model = register(folder)
    assert register(folder) == model
    assert AuditEvent.objects.count() == 1
    # a lost folder is brought back
    shutil.rmtree(model.path)
    register(folder)
    assert {path.name for path in model.path.iterdir()} == PARTS
    assert kept(settings) == [model.folder]


def test_other_weights_need_another_version(settings, tmp_path: Path) -> None:
    model = registered(tmp_path / "first", seed=1)
    other = write_checkpoint(tmp_path / "second", seed=2)
    with pytest.raises(DomainError) as caught:
        register(other)
    assert (caught.value.code, caught.value.status) == ("model_version_exists", 409)
    assert kept(settings) == [model.folder]


def test_the_same_weights_may_have_another_version(settings, tmp_path: Path) -> None:
    """With other thresholds; each keeps its own manifest on disk."""
    thresholds = {"malignancy_medium": 0.2, "malignancy_high": 0.5, "prediction_set": 0.1}
    first = registered(tmp_path / "first", version="1")
    second = registered(tmp_path / "second", version="2", thresholds=thresholds)
    assert first.sha256 == second.sha256
    for model in (first, second):
        assert read_checkpoint(model.path)[0] == model.manifest
    assert len(kept(settings)) == 2


def test_a_registration_that_fails_leaves_nothing(settings, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "new")
    for target, failure in [("record_event", RuntimeError), ("shutil.copytree", OSError)]:
        with (
            mock.patch(f"{model_versions.__name__}.{target}", side_effect=failure),
            pytest.raises(failure),
        ):
            register(folder)
        assert kept(settings) == []
        assert not ModelVersion.objects.exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "model.safetensors").unlink(),
        lambda folder: (folder / "manifest.json").write_text("{"),
        lambda folder: (folder / "model.safetensors").write_bytes(b"other"),
        shutil.rmtree,
    ],
)
def test_a_spoilt_checkpoint_is_not_read(tmp_path: Path, spoil) -> None:
    folder = write_checkpoint(tmp_path / "new")
    spoil(folder)
    with pytest.raises(CheckpointError):
        read_checkpoint(folder)


# The one that reads -------------------------------------------------------------------------------


def test_a_hospital_without_a_model_is_told() -> None:
    with pytest.raises(DomainError) as caught:
        active_model(HospitalFactory().pk)
    assert (caught.value.code, caught.value.status) == ("no_active_model", 409)


def test_the_active_model_can_be_changed(django_assert_num_queries) -> None:
    policy = ModelPolicyFactory()
    hospital, elsewhere = policy.hospital, ModelPolicyFactory()
    open_request = DiagnosisRequestFactory(
        image__lesion__patient__hospital=hospital, model_version=policy.model_version
    )
    new = ModelVersionFactory()
    actor = administrator(hospital)
    activate_model(actor=actor, hospital=hospital, model_version=new)
    with django_assert_num_queries(1):
        assert active_model(hospital.pk) == new
    assert active_model(elsewhere.hospital_id) == elsewhere.model_version
    open_request.refresh_from_db()
    assert open_request.model_version == policy.model_version
    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.hospital) == ("activate_model", actor, hospital)


def test_what_reads_already_is_not_activated_again() -> None:
    policy = ModelPolicyFactory()
    actor = administrator(policy.hospital)

    activated = activate_model(
        actor=actor, hospital=policy.hospital, model_version=policy.model_version
    )

    assert not activated
    assert ModelPolicy.objects.get().activated_at == policy.activated_at
    assert not AuditEvent.objects.exists()


def test_only_an_administrator_there_activates() -> None:
    policy = ModelPolicyFactory()
    home, new = policy.hospital, ModelVersionFactory()
    for actor in (
        doctor(home),
        integration(home),
        administrator(HospitalFactory()),
        UserFactory(is_superuser=True),
    ):
        with pytest.raises(DomainError) as caught:
            activate_model(actor=actor, hospital=home, model_version=new)
        assert caught.value.status == 403
    assert active_model(home.pk) == policy.model_version
    activate_model(actor=member(home, "doctor", "administrator"), hospital=home, model_version=new)
    assert active_model(home.pk) == new


# Commands -----------------------------------------------------------------------------------------


def run(*arguments: object) -> str:
    out = StringIO()
    call_command(*map(str, arguments), stdout=out)
    return out.getvalue()


def test_register_and_activate_on_the_command_line(tmp_path: Path) -> None:
    first, second = HospitalFactory(name="North"), HospitalFactory(name="South")
    old = write_checkpoint(tmp_path / "old", name="tiny", version="1", seed=1)
    new = write_checkpoint(tmp_path / "new", name="tiny", version="2", seed=2)
    assert "tiny 1" in run("register_model", old, "--activate")
    assert {str(active_model(h.pk)) for h in (first, second)} == {"tiny 1"}
    run("register_model", new)
    assert ModelPolicy.objects.filter(model_version__version="1").count() == 2
    assert "South" in run("activate_model", "tiny", 2, "--hospital", "South")
    assert [str(active_model(h.pk)) for h in (first, second)] == ["tiny 1", "tiny 2"]
    run("activate_model", "tiny", 2)
    assert ModelPolicy.objects.filter(model_version__version="2").count() == 2


def test_the_commands_explain_what_is_wrong(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "one", seed=1)
    write_checkpoint(tmp_path / "other", seed=2)
    run("register_model", tmp_path / "one")
    for arguments, message in [
        (["register_model", tmp_path / "nothing"], "no checkpoint"),
        (["register_model", tmp_path / "other"], "registered already"),
        (["activate_model", "sample", "9"], "not registered.*sample 1"),
        (["activate_model", "sample", "1", "--hospital", "Nowhere"], "no such hospital"),
        (["activate_model", "sample", "1"], "no such hospital"),
    ]:
        with pytest.raises(CommandError, match=message):
            run(*arguments)
