from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DiagnosisConfig(AppConfig):
    name = "diagnosis"
    verbose_name = _("Diagnosis")

    def ready(self) -> None:
        # they import models, which are there only now
        from clinic.details import FILTER_CODES
        from diagnosis.interpretation import GROUP_NAMES, LABEL_NAMES, RISK_NAMES

        FILTER_CODES["label"] = LABEL_NAMES | GROUP_NAMES
        FILTER_CODES["risk"] = RISK_NAMES
