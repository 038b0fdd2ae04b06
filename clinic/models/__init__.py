from clinic.models.audit import AuditChain, AuditEvent
from clinic.models.hospitals import Hospital
from clinic.models.idempotency import IdempotencyKey
from clinic.models.images import Image
from clinic.models.invitations import Invitation
from clinic.models.lesions import Lesion
from clinic.models.patients import Patient
from clinic.models.standing import ErrorReason
from clinic.models.tokens import ApiToken, Scope
from clinic.models.users import Membership, Role, User

__all__ = [
    "ApiToken",
    "AuditChain",
    "AuditEvent",
    "ErrorReason",
    "Hospital",
    "IdempotencyKey",
    "Image",
    "Invitation",
    "Lesion",
    "Membership",
    "Patient",
    "Role",
    "Scope",
    "User",
]
