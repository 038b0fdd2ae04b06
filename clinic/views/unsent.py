"""What was typed survives a session that ended while the form was being filled in.

The fields wait in the new visitor's session until somebody signs in there, and are then offered
for sending again. A chosen file cannot be kept: no page may choose a file for its user.
"""

import time

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from clinic.views.access import UNSENT, signed_in

KEPT_SECONDS = 3600


@signed_in
@require_safe
def unsent(request: HttpRequest) -> HttpResponse:
    """Shown once, so that nobody finds it later on the same computer."""
    kept = request.session.pop(UNSENT, None)
    if kept is None or time.time() - kept["at"] > KEPT_SECONDS:
        return redirect("worklist")
    return render(request, "account/unsent.html", kept)
