"""Model versions: what each is for, what it was measured to do, and who lets it read."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from clinic.errors import DomainError
from clinic.models import Hospital
from clinic.permissions import hospital_ids
from clinic.views.access import note_list, signed_in
from diagnosis import card, curves, figures
from diagnosis.models import ModelPolicy, ModelVersion
from diagnosis.services.confirmed import AI, confirmed
from diagnosis.services.model_versions import activate_model, retire_model
from diagnosis.services.scorecard import recent, scorecard
from ml.taxonomy import BY_ANSWER


@signed_in
@require_safe
def models(request: HttpRequest) -> HttpResponse:
    rows = [{"model": model, "figures": card.headline(model.manifest)} for model in known(request)]
    return render(request, "models/list.html", {"rows": rows})


@signed_in
@require_safe
def model(request: HttpRequest, pk) -> HttpResponse:
    found = get_object_or_404(known(request), pk=pk)
    reading = active_at(hospital_ids(request.user, "administrator"))
    context: dict[str, Any] = {
        "model": found,
        "card": card.read(found.manifest),
        "activatable": [pair for pair in reading if pair[1] != found],
        "retirable": [hospital for hospital, active in reading if active == found],
        "confusion": figures.confusion(found.manifest),
        "roc_curves": curves.roc_curves(found.manifest),
        "roc_steps": curves.TABLE_STEPS,
        "reliability": curves.reliability(found.manifest),
        "live": live_of(request, found),
    }
    return render(request, "models/model.html", context)


@signed_in
@require_POST
def activate(request: HttpRequest, pk) -> HttpResponse:
    found = get_object_or_404(ModelVersion, pk=pk)
    hospital = visible_hospital(request)
    values = {"model": str(found), "hospital": hospital.name}
    if activate_model(actor=request.user, hospital=hospital, model_version=found):
        messages.success(request, _("%(model)s reads for %(hospital)s from now on.") % values)
    else:
        message = _("%(model)s reads for %(hospital)s already. Nothing was changed.")
        messages.info(request, message % values)
    return redirect("model", found.pk)


@signed_in
@require_POST
def retire(request: HttpRequest, pk) -> HttpResponse:
    found = get_object_or_404(ModelVersion, pk=pk)
    hospital = visible_hospital(request)
    retire_model(actor=request.user, hospital=hospital, model_version=found)
    values = {"model": str(found), "hospital": hospital.name}
    messages.success(request, _("%(model)s no longer reads for %(hospital)s.") % values)
    return redirect("model", found.pk)


def visible_hospital(request: HttpRequest) -> Hospital:
    """That of the form. Raises DomainError (404)."""
    key = request.POST.get("hospital", "")
    visible = {str(hospital.pk): hospital for hospital in Hospital.objects.visible_to(request.user)}
    if key not in visible:
        raise DomainError("not_found", _("There is no such hospital."), status=404)
    return visible[key]


def active_at(keys: Iterable[UUID]) -> list[tuple[Hospital, ModelVersion | None]]:
    """Each of the hospitals with the model that reads there now."""
    policies = ModelPolicy.objects.filter(hospital__in=keys).select_related("model_version")
    # a manifest with its curves is long, and only the name is shown
    short = policies.defer("model_version__manifest", "model_version__card")
    active = {policy.hospital_id: policy.model_version for policy in short}
    hospitals = Hospital.objects.filter(pk__in=keys)
    return [(hospital, active.get(hospital.pk)) for hospital in hospitals]


def live_of(request: HttpRequest, found: ModelVersion) -> dict[str, Any]:
    """What doctors of the user's hospitals concluded on the model's readings."""
    since, rows = recent(found, hospital_ids(request.user))
    live, outcomes = scorecard(since, rows), confirmed(rows)
    note_list(request, "view_model", model_version=str(found.pk), signed=live.signed)
    labels = [label for label in BY_ANSWER if any(label in pair for pair in live.pairs)]
    return {
        "card": live,
        "shares": [
            (_("Doctor concluded the same class"), live.agreement),
            (_("Called malignant, of what doctors concluded to be malignant"), live.sensitivity),
            (_("Called benign, of what doctors concluded to be benign"), live.specificity),
            (_("The class of the histopathology"), outcomes.same(AI)),
            (_("Called malignant, of malignant histopathology"), outcomes.found(AI)),
        ],
        "matrix": figures.matrix(
            [figures.heading(BY_ANSWER[label].code) for label in labels],
            [[live.pairs[read, said] for read in labels] for said in labels],
        ),
    }


def known(request: HttpRequest):
    """Every model version, each with the hospitals of the user for which it reads."""
    own = ModelPolicy.objects.filter(hospital__in=Hospital.objects.visible_to(request.user))
    return ModelVersion.objects.prefetch_related(
        Prefetch("policies", own.select_related("hospital"))
    )
