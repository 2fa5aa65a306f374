"""Brings the database, the static files and the admin's account up to date, in one process for speed.

Run with the house's own environment; DEMO_ADMIN_PASSWORD, if set, becomes the password of the user `admin`.
"""

import os

import django
from django.core.management import call_command


def main() -> None:
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    if password := os.environ.get("DEMO_ADMIN_PASSWORD"):
        make_admin(password)


def make_admin(password: str) -> None:
    from django.contrib.auth.models import User

    admin, _ = User.objects.get_or_create(username="admin", defaults={"email": "admin@localhost"})
    if not admin.check_password(password):
        admin.is_staff = admin.is_superuser = True
        admin.set_password(password)
        admin.save()


if __name__ == "__main__":
    main()
