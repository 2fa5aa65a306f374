"""Who may post. Written once, run for both addresses."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from tests import rings
from tests.webhooks.conftest import FIRST, SECOND, payload
from webhooks.models import InboxEntry

PLAIN = "/webhooks/omnidesk/"
BODY = payload("rule_staff_reply.json")


@pytest.mark.django_db
class WebhookSecurity:
    """Subclasses say where a secret stands; `None` means that none is given."""

    refusal = {403}

    def post(self, client: Client, secret: str | None, **extra: Any) -> int:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _count_queries(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        self.queries = django_assert_num_queries

    def assert_refused(self, client: Client, secret: str | None, **extra: Any) -> None:
        with self.queries(0):
            status = self.post(client, secret, **extra)
        assert status in self.refusal
        assert not InboxEntry.objects.exists()
        assert rings.drain() == []

    def test_each_of_the_secrets_suffices(self, client: Client) -> None:
        assert self.post(client, FIRST) == 200
        assert self.post(client, SECOND) == 200
        assert InboxEntry.objects.count() == 2

    def test_a_missing_secret_is_refused(self, client: Client) -> None:
        self.assert_refused(client, None)

    def test_an_empty_secret_is_refused(self, client: Client) -> None:
        self.assert_refused(client, "")

    @pytest.mark.parametrize(
        "secret",
        [
            "wrong",
            FIRST[:-1],
            FIRST + "0",
            FIRST.upper(),
            f"{FIRST},{SECOND}",
            "секрет-из-кириллицы",
            "\xff\xfe" * 10,
            "x" * 100_000,
        ],
    )
    def test_a_wrong_secret_is_refused(self, client: Client, secret: str) -> None:
        self.assert_refused(client, secret)

    def test_a_retired_secret_is_refused(self, client: Client, settings: Settings) -> None:
        settings.OMNIDESK_WEBHOOK_SECRETS = [SECOND]
        self.assert_refused(client, FIRST)
        assert self.post(client, SECOND) == 200

    @pytest.mark.parametrize("configured", [[], [""]])
    def test_without_a_configured_secret_everything_is_refused(
        self, client: Client, settings: Settings, configured: list[str]
    ) -> None:
        settings.OMNIDESK_WEBHOOK_SECRETS = configured
        for secret in (None, "", FIRST):
            self.assert_refused(client, secret)

    @pytest.mark.parametrize(
        "extra",
        [
            {"query_params": {"secret": FIRST, "X-Webhook-Secret": FIRST}},
            {"headers": {"Authorization": f"Bearer {FIRST}"}},
            {"headers": {"X-Token": FIRST, "X-Omnidesk-Secret": FIRST}},
            {"headers": {"Cookie": f"secret={FIRST}; X-Webhook-Secret={FIRST}"}},
            {"data": b'{"token": "%s", "case_id": "985687"}' % FIRST.encode()},
        ],
        ids=["query", "authorization", "other headers", "cookie", "body"],
    )
    def test_a_secret_in_the_wrong_place_is_refused(self, client: Client, extra: dict[str, Any]) -> None:
        self.assert_refused(client, "wrong", **extra)

    def test_who_is_refused_learns_nothing_about_the_body(self, client: Client) -> None:
        self.assert_refused(client, "wrong", CONTENT_LENGTH="99999999")
        self.assert_refused(client, "wrong", CONTENT_LENGTH="")
        self.assert_refused(client, "wrong", data=b"[" * 100_000)

    def test_a_signed_in_person_is_refused_too(
        self, client: Client, django_user_model: Any, admin_user: Any
    ) -> None:
        client.force_login(admin_user)
        self.assert_refused(client, "wrong")

    def test_no_csrf_token_is_asked_for(self) -> None:
        strict = Client(enforce_csrf_checks=True, headers={"Origin": "https://elsewhere.example"})
        assert self.post(strict, FIRST) == 200

    def test_no_cookie_is_set(self, client: Client) -> None:
        for secret in (FIRST, "wrong"):
            self.post(client, secret)
            assert not client.cookies


class TestSecretInTheHeader(WebhookSecurity):
    def post(self, client: Client, secret: str | None, **extra: Any) -> int:
        headers = extra.pop("headers", {}) | ({} if secret is None else {"X-Webhook-Secret": secret})
        arguments = {"data": BODY, "content_type": "application/json", **extra}
        status: int = client.post(PLAIN, headers=headers, **arguments).status_code
        return status


class TestSecretInTheAddress(WebhookSecurity):
    refusal = {403, 404}  # an empty secret makes an address that does not exist

    def post(self, client: Client, secret: str | None, **extra: Any) -> int:
        address = PLAIN if secret is None else f"{PLAIN}{secret}/"
        arguments = {"data": BODY, "content_type": "application/json", **extra}
        status: int = client.post(address, **arguments).status_code
        return status

    def test_a_right_header_does_not_make_up_for_a_wrong_address(self, client: Client) -> None:
        self.assert_refused(client, "wrong", headers={"X-Webhook-Secret": FIRST})
