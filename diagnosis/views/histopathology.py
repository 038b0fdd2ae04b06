"""Histopathology of a lesion, entered when it comes."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from clinic.models import Lesion
from clinic.permissions import get_visible, require_record
from clinic.views.access import signed_in
from diagnosis.forms.histopathology import HistopathologyForm
from diagnosis.services.histopathology import record_histopathology


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def histopathology_create(request: HttpRequest, pk) -> HttpResponse:
    """``pk`` is the lesion's."""
    lesion = get_visible(Lesion.objects.select_related("patient"), request.user, pk=pk)
    require_record(request.user, lesion.hospital_id)
    form = HistopathologyForm(request.POST or None)
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        if form.submit(record_histopathology, actor=request.user, lesion=lesion, **values):
            messages.success(request, _("The histopathology is recorded."))
            return redirect("lesion", lesion.pk)
    context = {"form": form, "lesion": lesion, "patient": lesion.patient}
    return render(request, "lesions/histopathology.html", context, status=form.status)
