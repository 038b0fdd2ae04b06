"""Who works at a hospital: invited, given roles, their access ended."""

import logging
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.core.mail import send_mail
from django.db.models import Exists, OuterRef, Prefetch, QuerySet, Value
from django.db.models.functions import Concat
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from clinic.errors import DomainError
from clinic.forms.administration import ROLE_CHOICES, InviteForm, NewAccountForm, RoleForm
from clinic.letters import Folded, fold
from clinic.models import Hospital, Invitation, Membership, User
from clinic.permissions import forget_roles, get_visible, hospital_ids, may_administer
from clinic.services.audit import record_event
from clinic.services.invitations import (
    VALID_DAYS,
    accept_as,
    accept_as_new,
    find_invitation,
    holds_role,
    invite,
    revoke_invitation,
)
from clinic.services.staff import (
    end_access,
    give_role,
    role_taken,
    take_role,
    was_taken,
    worked_at,
)
from clinic.views.access import signed_in
from clinic.views.administration import administered, chosen_hospital
from clinic.views.errors import form_page
from clinic.views.paging import page_of

logger = logging.getLogger(__name__)
BACKEND = "django.contrib.auth.backends.ModelBackend"
BY_NAME = ("names", "id")
MAXIMUM_SEARCH = 200


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def staff(request: HttpRequest) -> HttpResponse:
    """The link of a new invitation is on the answer to the form, once: so that is no redirect."""
    hospitals = administered(request)
    hospital = chosen_hospital(request, hospitals)
    form, link, invited = InviteForm(request.POST or None), "", None
    mailed = False
    search = request.GET.get("q", "").strip()[:MAXIMUM_SEARCH]
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        made = form.submit(invite, actor=request.user, hospital=hospital, **values)
        if made is not None:
            invited, secret = made
            form, link = InviteForm(), link_of(request, secret)
            mailed = bool(values["email"]) and mail_link(invited, link)
    record_event(actor=request.user, action="view_staff", hospital=hospital)
    context = {
        "form": form,
        "hospital": hospital,
        "hospitals": hospitals,
        "page": page_of(found_people(hospital, search), request, BY_NAME, roles_of, hospitals=()),
        "search": search,
        "invitations": Invitation.objects.filter(hospital=hospital).open(),
        "invited": invited,
        "link": link,
        "mailed": mailed,
        "days": VALID_DAYS,
        "sends_mail": settings.NEVUS_SENDS_MAIL,
    }
    return render(request, "administration/staff.html", context, status=form.status)


def found_people(hospital: Hospital, search: str) -> QuerySet[User]:
    """Everybody with a role here whose names or user name hold each word of ``search``; the roles
    held here as ``roles_here``, and ``names`` as they are searched and put in order."""
    here = Membership.objects.filter(hospital=hospital)
    names = Concat("last_name", Value(" "), "first_name", Value(" "), "username")
    found = User.objects.annotate(names=Folded(names))
    found = found.filter(Exists(here.filter(user=OuterRef("pk"))))
    for word in (fold(search) or "").split():
        found = found.filter(names__contains=word)
    held = Prefetch("memberships", here.order_by("role"), to_attr="roles_here")
    return found.prefetch_related(held)


def roles_of(user: Any) -> dict[str, Any]:
    """One row of the table: the roles held here, and those left to add."""
    held = {membership.role for membership in user.roles_here}
    addable = [choice for choice in ROLE_CHOICES if choice[0] not in held]
    return {"user": user, "roles": user.roles_here, "addable": addable}


def link_of(request: HttpRequest, secret: str) -> str:
    return request.build_absolute_uri(reverse("invitation", args=[secret]))


def mail_link(invitation: Invitation, link: str) -> bool:
    """Whether the link was handed to the mail server; the page shows it in any case."""
    if not settings.NEVUS_SENDS_MAIL:
        return False
    values = {"hospital": invitation.hospital.name, "days": VALID_DAYS, "link": link}
    words = ngettext(
        "You are invited to Nevus at %(hospital)s. The link works once, for %(days)d day:",
        "You are invited to Nevus at %(hospital)s. The link works once, for %(days)d days:",
        VALID_DAYS,
    )
    try:
        send_mail(
            _("Your access to Nevus"),
            f"{words % values}\n\n{link}\n",
            None,
            [invitation.email],
        )
    # smtplib's own errors and those of the network
    except OSError as error:
        logger.warning("an invitation could not be mailed: %s", type(error).__name__)
        return False
    return True


@signed_in
@require_POST
def role_give(request: HttpRequest, pk) -> HttpResponse:
    """``pk`` is the user's."""
    hospital = chosen_hospital(request, administered(request))
    form = RoleForm(request.POST)
    if not form.is_valid():
        raise DomainError("invalid", next(iter(form.errors.values()))[0])
    person = colleague(hospital, pk)
    give_role(actor=request.user, user=person, hospital=hospital, role=form.cleaned_data["role"])
    messages.success(request, _("The role is given."))
    return back_to_staff(request, hospital)


@signed_in
@require_POST
def role_take(request: HttpRequest, pk) -> HttpResponse:
    """``pk`` is the membership's."""
    administered(request)
    mine = Membership.objects.filter(hospital__in=hospital_ids(request.user, "administrator"))
    membership = mine.filter(pk=pk).first()
    if membership is None:
        if was_taken(actor=request.user, membership=pk):
            raise role_taken()
        raise DomainError("not_found", _("There is no such record."), status=404)
    hospital = membership.hospital
    take_role(actor=request.user, membership=membership)
    messages.success(request, _("The role is taken away."))
    return back_to_staff(request, hospital)


@signed_in
@require_POST
def access_end(request: HttpRequest, pk) -> HttpResponse:
    """``pk`` is the user's."""
    hospital = chosen_hospital(request, administered(request))
    end_access(actor=request.user, user=colleague(hospital, pk), hospital=hospital)
    messages.success(request, _("The access is ended. What the person signed stays."))
    return back_to_staff(request, hospital)


@signed_in
@require_POST
def invitation_revoke(request: HttpRequest, pk) -> HttpResponse:
    administered(request)
    invitation = get_visible(Invitation.objects.select_related("hospital"), request.user, pk=pk)
    revoke_invitation(actor=request.user, invitation=invitation)
    messages.success(request, _("The invitation is taken back."))
    return back_to_staff(request, invitation.hospital)


def colleague(hospital: Hospital, pk: Any) -> User:
    found = User.objects.filter(pk=pk, memberships__hospital=hospital).first()
    if found is None and worked_at(hospital, pk):
        message = _("This person's access here was ended already.")
        raise DomainError("access_ended", message, status=409)
    if found is None:
        raise DomainError("not_found", _("There is no such record."), status=404)
    return found


def back_to_staff(request: HttpRequest, hospital: Hospital) -> HttpResponse:
    """To the page of it that was open; or to the worklist, for whoever has just taken the own role
    away."""
    forget_roles(request.user)
    if not may_administer(request.user, hospital.pk):
        return redirect("worklist")
    page, staff_page = form_page(request), reverse("staff")
    was_there = page and urlsplit(page).path == staff_page
    return redirect(page if was_there else f"{staff_page}?hospital={hospital.pk}")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """For the one who got the link: a new account, or another role of the account signed in."""
    found = find_invitation(secret)
    if request.user.is_authenticated:
        return accept_signed_in(request, found, secret)
    form = NewAccountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = {name: text for name, text in form.cleaned_data.items() if name != "again"}
        user = form.submit(accept_as_new, secret=secret, **values)
        if user is not None:
            login(request, user, backend=BACKEND)
            record_event(actor=user, action="sign_in", hospital=None)
            messages.success(request, _("Welcome. Your account is ready."))
            return redirect("worklist")
    context = {"form": form, "invitation": found}
    return render(request, "account/invitation.html", context, status=form.status)


def accept_signed_in(request: HttpRequest, found: Invitation, secret: str) -> HttpResponse:
    if request.method == "POST" and accept_as(secret=secret, user=request.user):
        messages.success(request, _("You have the role from now on."))
        return redirect("worklist")
    context = {"invitation": found, "held": holds_role(found, request.user)}
    return render(request, "account/invitation.html", context)
