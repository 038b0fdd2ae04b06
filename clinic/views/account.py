"""Sign-in, sign-out, password, and the API tokens of oneself."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import views as auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from clinic.errors import DomainError
from clinic.forms.account import TokenForm
from clinic.models import ApiToken
from clinic.services.audit import record_event
from clinic.services.tokens import create_token, revoke_token
from clinic.views.access import find_unsent, signed_in


class SignIn(auth.LoginView):
    template_name = "account/sign_in.html"
    redirect_authenticated_user = True

    def get_success_url(self) -> str:
        """Where a form waits that came without a session, to that first."""
        return reverse("unsent") if find_unsent(self.request) else super().get_success_url()

    def get_context_data(self, **context) -> dict[str, Any]:
        return super().get_context_data(kept=find_unsent(self.request), **context)

    def form_valid(self, form) -> HttpResponse:
        response = super().form_valid(form)
        record_event(actor=self.request.user, action="sign_in", hospital=None)
        return response


class SignOut(auth.LogoutView):
    @method_decorator(never_cache)
    def post(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if request.user.is_authenticated:
            record_event(actor=request.user, action="sign_out", hospital=None)
        return super().post(request, *args, **kwargs)


@method_decorator(signed_in, name="dispatch")
class PasswordChange(auth.PasswordChangeView):
    template_name = "account/password.html"
    success_url = reverse_lazy("account")

    def form_valid(self, form) -> HttpResponse:
        response = super().form_valid(form)
        record_event(actor=self.request.user, action="change_password", hospital=None)
        messages.success(self.request, _("The password is changed."))
        return response


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """A new token's secret is on the answer to the form, once: so that is no redirect."""
    form, secret = TokenForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        user = request.user
        made = form.submit(create_token, actor=user, user=user, **form.cleaned_data)
        if made is not None:
            form, secret = TokenForm(), made[1]
    context = {
        "form": form,
        "secret": secret,
        "memberships": request.user.memberships.select_related("hospital"),
        "tokens": request.user.tokens.all(),
    }
    return render(request, "account/account.html", context, status=form.status)


@signed_in
@require_POST
def token_revoke(request: HttpRequest, pk) -> HttpResponse:
    token = ApiToken.objects.filter(user=request.user, pk=pk).first()
    if token is None:
        raise DomainError("not_found", _("There is no such record."), status=404)
    revoke_token(actor=request.user, token=token)
    messages.success(request, _("The token is revoked."))
    return redirect("account")
