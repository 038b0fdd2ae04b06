"""Order readings of many pictures in the installation of the environment, with nobody to read.

``python -m tests.benchmarks.orders COUNT``: run by ``tests.benchmarks.inference``.
"""

import io
import os
import sys

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")
    django.setup()
    from clinic.services.lesions import create_lesion
    from clinic.services.patients import create_patient
    from clinic.services.staff import add_membership, create_hospital, create_user
    from diagnosis.services.requests import upload_and_request
    from tests.support.pictures import photographs

    hospital = create_hospital(actor=None, name="Sample Hospital North")
    doctor = create_user(
        actor=None,
        username="doctor",
        password="a-password-for-benchmarks-only",
        given_name="Sample",
        family_name="Doctor",
    )
    add_membership(actor=None, user=doctor, hospital=hospital, role="doctor")
    django.core.management.call_command("register_model", sys.argv[2], "--activate", verbosity=0)
    patient = create_patient(actor=doctor, hospital=hospital, medical_record_number="1")
    lesion = create_lesion(actor=doctor, patient=patient)
    for content in photographs(int(sys.argv[1])):
        upload_and_request(actor=doctor, lesion=lesion, file=io.BytesIO(content), name="a.jpg")


if __name__ == "__main__":
    main()
