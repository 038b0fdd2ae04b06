"""The words of the audit log: what each kind of event is called where people read it."""

from django.utils.translation import gettext_lazy as _

ACTIONS = {
    "accept_invitation": _("Invitation accepted"),
    "activate_model": _("Model activated"),
    "add_membership": _("Role given"),
    "cancel_request": _("Order cancelled"),
    "change_password": _("Password changed"),
    "change_settings": _("Hospital settings changed"),
    "create_batch": _("Batch of pictures begun"),
    "create_hospital": _("Hospital recorded"),
    "create_image": _("Picture recorded"),
    "create_membership": _("Role recorded"),
    "create_lesion": _("Lesion recorded"),
    "create_operator": _("Operator's account made"),
    "create_patient": _("Patient recorded"),
    "create_token": _("API token made"),
    "create_user": _("Account made"),
    "export_audit_log": _("Audit log handed out"),
    "export_hospital_report": _("Report handed out as a file"),
    "export_patient_report": _("Patient's report handed out"),
    "forget_batch_file": _("Refused file taken off its batch"),
    "invite": _("Somebody invited"),
    "list_batches": _("Batches of pictures listed"),
    "list_images": _("Pictures listed"),
    "list_lesions": _("Lesions listed"),
    "list_patients": _("Patients listed"),
    "list_recalls": _("Recalls listed"),
    "list_requests": _("Orders listed"),
    "mark_entered_in_error": _("Marked as entered in error"),
    "measure_image": _("Lesion measured on a picture"),
    "record_histopathology": _("Histopathology recorded"),
    "register_model": _("Model registered"),
    "reinstate": _("Reinstated"),
    "remove_membership": _("Role taken away"),
    "remove_orphan_files": _("Files without a picture removed"),
    "request_diagnosis": _("Reading ordered"),
    "retire_model": _("Model retired"),
    "revoke_invitation": _("Invitation taken back"),
    "revoke_token": _("API token revoked"),
    "save_review": _("Review saved as a draft"),
    "search_patients": _("Patients searched"),
    "sign_in": _("Signed in"),
    "sign_out": _("Signed out"),
    "sign_review": _("Review signed"),
    "update_hospital": _("Hospital corrected"),
    "update_membership": _("Role changed"),
    "update_lesion": _("Lesion described anew"),
    "update_patient": _("Patient corrected"),
    "update_user": _("Account changed"),
    "view_audit_log": _("Audit log looked at"),
    "view_heat_map": _("Heat map looked at"),
    "view_hospital_report": _("Report looked at"),
    "view_batch": _("Batch of pictures looked at"),
    "view_image": _("Picture looked at"),
    "view_lesion": _("Lesion looked at"),
    "view_model": _("Model's scorecard looked at"),
    "view_patient": _("Patient looked at"),
    "view_request": _("Diagnosis looked at"),
    "view_staff": _("Staff looked at"),
    "view_worklist": _("Worklist looked at"),
}
# what belongs to an account or to the platform is noted at no hospital
OF_THE_PLATFORM = frozenset(
    {
        "change_password",
        "create_operator",
        "create_token",
        "create_user",
        "register_model",
        "remove_orphan_files",
        "revoke_token",
        "sign_in",
        "sign_out",
        "update_user",
    }
)
OF_A_HOSPITAL = {
    action: words for action, words in ACTIONS.items() if action not in OF_THE_PLATFORM
}


def action_words(action: str) -> str:
    """Of an action that has no words yet, its code as words."""
    known = ACTIONS.get(action)
    return str(known) if known is not None else action.replace("_", " ").capitalize()
