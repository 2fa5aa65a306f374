from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CabinetConfig(AppConfig):
    name = "cabinet"
    verbose_name = _("Cabinet")

    def ready(self) -> None:
        from cabinet import checks, receivers  # noqa: F401
        from cabinet.search import following

        following.connect()
