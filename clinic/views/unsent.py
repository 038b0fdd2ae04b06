"""What was typed survives a session, or a form's token, that ended while the form was filled in.

The fields wait in the visitor's session until somebody is signed in there, and are then shown in
their form again, for which ``look`` is sent with them: nothing is stored until it is sent without.
A chosen file cannot be kept: no page may choose a file for its user.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from clinic.forms.base import COMES_BACK, LOOK, NOT_TAKEN
from clinic.views.access import UNSENT, find_unsent, signed_in


@signed_in
@require_safe
def unsent(request: HttpRequest) -> HttpResponse:
    """Shown once, so that nobody finds it later on the same computer."""
    kept = find_unsent(request)
    request.session.pop(UNSENT, None)
    if kept is None:
        return redirect("worklist")
    comes_back = any(name == COMES_BACK for name, _value in kept["fields"])
    context = kept | {
        "look": LOOK,
        "comes_back": comes_back,
        "sentence": NOT_TAKEN[kept.get("why", "signed_out")],
    }
    return render(request, "account/unsent.html", context)
