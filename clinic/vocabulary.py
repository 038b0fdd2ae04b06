"""Words that the records may use, from the standards that fix them."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Sex(TextChoices):
    """FHIR R4 administrative gender (hl7.org/fhir/R4/valueset-administrative-gender.html)."""

    FEMALE = "female", _("Female")
    MALE = "male", _("Male")
    OTHER = "other", _("Other")
    UNKNOWN = "unknown", _("Unknown")


class SkinType(TextChoices):
    """Fitzpatrick skin type (ISIC field fitzpatrick_skin_type)."""

    I = "I", _("I: always burns, never tans")  # noqa: E741
    II = "II", _("II: usually burns, tans minimally")
    III = "III", _("III: sometimes burns, tans uniformly")
    IV = "IV", _("IV: burns minimally, always tans well")
    V = "V", _("V: very rarely burns, tans very easily")
    VI = "VI", _("VI: never burns")


class AnatomSite(TextChoices):
    """ISIC field anatom_site_general, the vocabulary of HAM10000 and of ISIC 2019 and 2020."""

    HEAD_NECK = "head/neck", _("Head or neck")
    UPPER_EXTREMITY = "upper extremity", _("Upper extremity")
    LOWER_EXTREMITY = "lower extremity", _("Lower extremity")
    ANTERIOR_TORSO = "anterior torso", _("Anterior torso")
    POSTERIOR_TORSO = "posterior torso", _("Posterior torso")
    LATERAL_TORSO = "lateral torso", _("Lateral torso")
    PALMS_SOLES = "palms/soles", _("Palms or soles")
    ORAL_GENITAL = "oral/genital", _("Oral or genital")


class Laterality(TextChoices):
    LEFT = "left", pgettext_lazy("side of the body", "Left")
    RIGHT = "right", pgettext_lazy("side of the body", "Right")
    MIDLINE = "midline", _("Midline")


class BodyView(TextChoices):
    FRONT = "front", _("Front")
    BACK = "back", _("Back")


class ImageType(TextChoices):
    """ISIC field image_type, the values of a clinic's camera."""

    DERMOSCOPIC = "dermoscopic", _("Dermoscopic")
    CLOSE_UP = "clinical: close-up", _("Close-up")
    OVERVIEW = "clinical: overview", _("Overview")


class DermoscopicType(TextChoices):
    """ISIC field dermoscopic_type; given only for a dermoscopic image."""

    CONTACT_POLARIZED = "contact polarized", _("Contact, polarized")
    CONTACT_NON_POLARIZED = "contact non-polarized", _("Contact, non-polarized")
    NON_CONTACT_POLARIZED = "non-contact polarized", _("Non-contact, polarized")
