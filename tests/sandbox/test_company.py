"""The company's own site: it hands over whom it knows, and only if it was told how."""

import base64
import hashlib
import hmac
import json
from urllib.parse import parse_qs, urlsplit

from sandbox.company import Company
from sandbox.desk import Desk
from sandbox.exchange import Exchange
from sandbox.inbound import Reply

SECRET = "a secret that both sites know, long enough"


def answer(path: str, company: Company | None) -> Reply:
    return Exchange(Desk(company=company)).handle("GET", f"http://desk{path}", {}, b"").reply


def test_its_link_carries_a_signed_token_and_the_way_back() -> None:
    reply = answer("/company/go?visitor=client-17&to=/chat/", Company("https://cabinet.example", SECRET))
    link = urlsplit(reply.headers["Location"])
    assert (link.netloc, link.path) == ("cabinet.example", "/access/jwt")
    query = parse_qs(link.query)
    assert query["return_to"] == ["/chat/"]
    head, body, signature = query["jwt"][0].split(".")
    expected = hmac.new(SECRET.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(signature + "=") == expected
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert (claims["external_id"], claims["name"]) == ("client-17", "Иван Петров")
    assert claims["exp"] - claims["iat"] == 300


def test_two_links_are_never_the_same() -> None:
    company = Company("https://cabinet.example", SECRET)
    assert company.token("client-17") != company.token("client-17")


def test_the_page_shows_its_visitors_and_on_demand_the_chat() -> None:
    company = Company("https://cabinet.example", SECRET)
    assert b"<iframe" not in answer("/company/", company).body
    shown = answer("/company/?visitor=client-18&chat=1", company).body.decode()
    assert "Mary Miller" in shown
    assert 'src="/company/go?visitor=client-18&amp;to=/chat/"' in shown


def test_without_a_secret_there_is_no_such_site() -> None:
    assert answer("/company/", None).status == 404
    assert answer("/company/go?visitor=client-17", None).status == 404
