"""The trial's sample hospitals in a stack, without their patients."""

from tests.support.stack import ROOT, Stack

PASSWORD = "a-password-for-tests-only"
HOSPITAL = "Sample Hospital North"


def make_clinic(
    stack: Stack, *, checkpoint: object = ROOT / "ml" / "checkpoints" / "starter"
) -> str:
    """A hospital, the user ``doctor``, and the checkpoint as its model; a token with all scopes."""
    from clinic.services.staff import add_membership, create_hospital, create_user

    with stack.orm():
        hospital = create_hospital(actor=None, name=HOSPITAL)
        doctor = create_user(
            actor=None,
            username="doctor",
            password=PASSWORD,
            given_name="Sample",
            family_name="Doctor",
        )
        add_membership(actor=None, user=doctor, hospital=hospital, role="doctor")
    stack.manage("register_model", checkpoint, "--activate")
    scopes = ["--scope", "read", "--scope", "write", "--scope", "diagnose"]
    return stack.manage("create_token", "doctor", *scopes).splitlines()[-1]
