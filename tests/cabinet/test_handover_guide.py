"""What the guide tells the developers of other sites is true of this one."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.utils import timezone

from cabinet import handover
from cabinet.handover import Reason
from cabinet.models import Profile
from cabinet.selectors import address_of, name_of
from tests.cabinet.tokens import claims, encoded, signed

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"
guides = pytest.mark.parametrize("guide", ["handover.en.md", "handover.ru.md"])


def examples(guide: str, language: str) -> list[str]:
    text = (GUIDES / guide).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@guides
@pytest.mark.django_db
def test_the_python_example_signs_somebody_in(guide: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SSO_SECRET", settings.SSO_SECRET)
    (example,) = examples(guide, "python")
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own guide
    first, second = (
        names["support_link"](17, "Алиса", "alice@example.com", "/cases/new/") for _twice in range(2)
    )
    assert first != second
    parts = urlsplit(first)
    assert f"{parts.scheme}://{parts.netloc}" == "https://help.example.com"
    client = Client()
    answer = client.get(f"{parts.path}?{parts.query}")
    assert (answer.status_code, answer["Location"]) == (302, "/cases/new/")
    user = Profile.objects.get(external_id="17").user
    assert client.session[SESSION_KEY] == str(user.pk)
    assert (name_of(user), address_of(user)) == ("Алиса", "alice@example.com")


@guides
@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_the_javascript_example_without_a_library_makes_a_good_token(guide: str) -> None:
    example = examples(guide, "javascript")[1]
    call = "process.stdout.write(signToken({external_id: 17, name: 'Алиса'}, process.env.SSO_SECRET))"
    environment = {"PATH": os.environ["PATH"], "SSO_SECRET": settings.SSO_SECRET}
    made = subprocess.run(
        ["node", "-e", f"{example}\n{call}"], env=environment, capture_output=True, check=True, timeout=30
    )
    handed = handover.read(made.stdout.decode(), secret=settings.SSO_SECRET, now=timezone.now())
    assert (handed.external_id, handed.name) == ("17", "Алиса")


def test_a_token_made_by_hand_as_in_php_is_a_good_one() -> None:
    """`json_encode` escapes letters and slashes; `base64_encode` pads, and who forgets to strip that may."""
    payload = json.dumps(claims(name="Алиса", remote_photo_url="x")).replace('"x"', r'"https:\/\/a.example"')
    given = signed(payload.encode())
    for spelled in (given, given + "="):
        handed = handover.read(spelled, secret=settings.SSO_SECRET, now=timezone.now())
        assert (handed.external_id, handed.name) == ("c-17", "Алиса")
    assert given.split(".")[0] == encoded(b'{"alg": "HS256", "typ": "JWT"}')


@guides
def test_the_guide_explains_every_word_a_page_may_show(guide: str) -> None:
    text = (GUIDES / guide).read_text(encoding="utf-8")
    assert [reason for reason in Reason if not re.search(rf"^\| `{reason}\b", text, re.MULTILINE)] == []


@pytest.mark.parametrize("language", ["python", "php", "javascript"])
def test_both_guides_show_the_same_code(language: str) -> None:
    english, russian = (
        [re.sub(r"(#|//) .*", "", example) for example in examples(guide, language)]
        for guide in ("handover.en.md", "handover.ru.md")
    )
    assert english == russian
    assert english


@guides
def test_the_addresses_in_the_guide_are_the_doors(guide: str) -> None:
    text = (GUIDES / guide).read_text(encoding="utf-8")
    doors = {urlsplit(found).path for found in re.findall(r"https://help\.example\.com[^\s`'\"?]*", text)}
    assert doors == {"/access/jwt"}
    assert set(parse_qs("jwt=1&return_to=2")) <= set(re.findall(r"\w+", text))
