"""What a hospital sets for its readings: the alarm, the bands of risk and their words."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from clinic.views.access import signed_in
from clinic.views.administration import administered, chosen_hospital
from diagnosis.forms.settings import ACTION_NAMES, SettingsForm
from diagnosis.interpretation import ACTION_WORDS
from diagnosis.models import HospitalSettings, ModelPolicy
from diagnosis.services.settings import change_settings, settings_in_force

SHOWN_VERSIONS = 10


@dataclass(frozen=True)
class VersionRow:
    """A version in the history, and whether its words are others than those before it."""

    version: HospitalSettings
    words_changed: bool

    @property
    def own_words(self) -> bool:
        return bool(self.version.bands["words"])

    @property
    def words(self) -> list[tuple[str, str]]:
        """What stands beside a reading of each band: the hospital's words, else the program's."""
        own = self.version.bands["words"]
        return [
            (str(name), own.get(action, str(ACTION_WORDS[action])))
            for action, name in ACTION_NAMES.items()
        ]


def history_of(versions: Iterable[HospitalSettings]) -> list[VersionRow]:
    """A row of each, the newest first; what comes before the oldest are the program's words."""
    rows = list(versions)
    before = [*rows[1:], HospitalSettings()]
    return [
        VersionRow(version, version.bands["words"] != older.bands["words"])
        for version, older in zip(rows, before, strict=False)
    ]


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def hospital_settings(request: HttpRequest) -> HttpResponse:
    hospitals = administered(request)
    hospital = chosen_hospital(request, hospitals)
    found = settings_in_force([hospital.pk]).get(hospital.pk) or HospitalSettings()
    form = SettingsForm.of(found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = {"actor": request.user, "hospital": hospital, **form.cleaned_data}
        after = form.submit(change_settings, **values)
        if after is not None:
            # without a version there are those of the program, which no row holds
            if after._state.adding or after.pk == found.pk:
                messages.info(request, _("Nothing was changed."))
            else:
                messages.success(request, _("Saved. It holds for what is read from now on."))
            return redirect(f"{reverse('hospital-settings')}?hospital={hospital.pk}")
    policy = ModelPolicy.objects.select_related("model_version").filter(hospital=hospital).first()
    versions = HospitalSettings.objects.filter(hospital=hospital).select_related("author")
    context = {
        "form": form,
        "hospital": hospital,
        "hospitals": hospitals,
        "model": policy.model_version if policy else None,
        "versions": history_of(versions[: SHOWN_VERSIONS + 1])[:SHOWN_VERSIONS],
    }
    return render(request, "administration/settings.html", context, status=form.status)
