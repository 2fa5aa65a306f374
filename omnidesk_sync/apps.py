from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OmnideskSyncConfig(AppConfig):
    name = "omnidesk_sync"
    verbose_name = _("Omnidesk synchronisation")

    def ready(self) -> None:
        from omnidesk_sync import checks, receivers  # noqa: F401
