"""Addresses of who and what: people, patients, lesions, pictures."""

from django.urls import path, re_path

from clinic.views import account, body_map, images, lesions, patients

urlpatterns = [
    path("sign-in/", account.SignIn.as_view(), name="sign-in"),
    path("sign-out/", account.SignOut.as_view(), name="sign-out"),
    path("account/", account.account, name="account"),
    path("account/password/", account.PasswordChange.as_view(), name="password-change"),
    path("account/tokens/<uuid:pk>/revoke/", account.token_revoke, name="token-revoke"),
    re_path(r"^body-map/(?P<view>front|back)\.svg$", body_map.body_map, name="body-map"),
    path("patients/", patients.patients, name="patients"),
    path("patients/new/", patients.patient_create, name="patient-create"),
    path("patients/<uuid:pk>/edit/", patients.patient_edit, name="patient-edit"),
    path("patients/<uuid:pk>/lesions/new/", lesions.lesion_create, name="lesion-create"),
    path("lesions/<uuid:pk>/edit/", lesions.lesion_edit, name="lesion-edit"),
    path("images/<uuid:pk>/file/", images.image_file, name="image-file"),
    path("images/<uuid:pk>/thumbnail/", images.image_thumbnail, name="image-thumbnail"),
]
