"""Addresses of who and what: people, patients, lesions, pictures."""

from django.urls import path, re_path

from clinic.models import Image, Lesion, Patient
from clinic.views import (
    account,
    audit,
    body_map,
    entered_in_error,
    errors,
    images,
    lesions,
    patients,
    staff,
    unsent,
)

urlpatterns = [
    path("problems/too-large/", errors.too_large, name="too-large"),
    path("api/problems/too-large/", errors.too_large, name="api-too-large"),
    path("sign-in/", account.SignIn.as_view(), name="sign-in"),
    path("sign-out/", account.SignOut.as_view(), name="sign-out"),
    path("sign-in/unsent/", unsent.unsent, name="unsent"),
    path("account/", account.account, name="account"),
    path("account/password/", account.PasswordChange.as_view(), name="password-change"),
    path("account/tokens/<uuid:pk>/revoke/", account.token_revoke, name="token-revoke"),
    path("invitations/<str:secret>/", staff.invitation, name="invitation"),
    path("administration/staff/", staff.staff, name="staff"),
    path("administration/staff/<uuid:pk>/role/", staff.role_give, name="role-give"),
    path("administration/staff/<uuid:pk>/end/", staff.access_end, name="access-end"),
    path("administration/roles/<uuid:pk>/take/", staff.role_take, name="role-take"),
    path(
        "administration/invitations/<uuid:pk>/revoke/",
        staff.invitation_revoke,
        name="invitation-revoke",
    ),
    path("administration/audit/", audit.audit_log, name="audit-log"),
    path("administration/audit.csv", audit.audit_csv, name="audit-log-csv"),
    re_path(r"^body-map/(?P<view>front|back)\.svg$", body_map.body_map, name="body-map"),
    path("patients/", patients.patients, name="patients"),
    path("patients/new/", patients.patient_create, name="patient-create"),
    path("patients/<uuid:pk>/edit/", patients.patient_edit, name="patient-edit"),
    *(
        path(f"{noun}s/<uuid:pk>/{way}/", view, {"model": model}, name=f"{noun}-{way}")
        for noun, model in (("patient", Patient), ("lesion", Lesion), ("image", Image))
        for way, view in (
            ("entered-in-error", entered_in_error.entered_in_error),
            ("reinstate", entered_in_error.reinstate_record),
        )
    ),
    path("patients/<uuid:pk>/lesions/new/", lesions.lesion_create, name="lesion-create"),
    path("lesions/<uuid:pk>/edit/", lesions.lesion_edit, name="lesion-edit"),
    path("images/<uuid:pk>/file/", images.image_file, name="image-file"),
    path("images/<uuid:pk>/size/", lesions.image_size, name="image-size"),
    path("images/<uuid:pk>/thumbnail/", images.image_thumbnail, name="image-thumbnail"),
]
