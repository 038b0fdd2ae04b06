"""Which hospital an administrator's page is about."""

from django.http import HttpRequest
from django.utils.translation import gettext as _

from clinic.errors import DomainError
from clinic.models import Hospital
from clinic.permissions import denied, hospital_ids


def administered(request: HttpRequest) -> list[Hospital]:
    """The user's hospitals as administrator, by name. Raises DomainError (403) where it is none."""
    hospitals = list(Hospital.objects.filter(pk__in=hospital_ids(request.user, "administrator")))
    if not hospitals:
        raise denied(_("Only an administrator of a hospital may do this."))
    return hospitals


def chosen_hospital(request: HttpRequest, hospitals: list[Hospital]) -> Hospital:
    """That of ``?hospital=`` or of the form, else the first. Raises DomainError (404)."""
    key = request.POST.get("hospital") or request.GET.get("hospital")
    if not key:
        return hospitals[0]
    found = next((hospital for hospital in hospitals if str(hospital.pk) == key), None)
    if found is None:
        raise DomainError("not_found", _("There is no such hospital."), status=404)
    return found
