"""`manage.py check --deploy` as a production site would run it, warnings counting as failures."""

import secrets
import sys

from scripts.processes import NotReady, environment, manage

PRODUCTION = {
    "READ_DOTENV": "0",
    "DEBUG": "0",
    "SITE_URL": "https://cabinet.example.org",
    "ALLOWED_HOSTS": "cabinet.example.org",
    "CSRF_TRUSTED_ORIGINS": "https://cabinet.example.org",
    "TRUSTED_PROXY_HOPS": "1",
    "EMAIL_URL": "smtp+tls://cabinet:password@mail.example.org:587",
    "DEFAULT_FROM_EMAIL": "support@example.org",
    "DATABASE_URL": "",
    "REDIS_URL": "",
    "OMNIDESK_URL": "https://example.omnidesk.ru",
    "OMNIDESK_STAFF_EMAIL": "robot@example.org",
    "OMNIDESK_API_KEY": "not-a-real-key",
}


def main() -> int:
    env = environment(
        **PRODUCTION, SECRET_KEY=secrets.token_urlsafe(50), OMNIDESK_WEBHOOK_SECRETS=secrets.token_urlsafe(24)
    )
    try:
        print(manage("check", "--deploy", "--fail-level", "WARNING", env=env).strip())
    except NotReady as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
