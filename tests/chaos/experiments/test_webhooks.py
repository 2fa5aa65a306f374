"""Webhooks as a careless sender delivers them: many at once, again and again, in a burst."""

from concurrent.futures import ThreadPoolExecutor

import requests

from tests.chaos.experiments.conftest import Figure
from tests.chaos.premises import double
from tests.house.checks import await_same, opened, quiet_units, somebody
from tests.house.conftest import Builder


def test_ten_for_one_case_at_once(new_house: Builder, figure: Figure) -> None:
    house = new_house(before=double)
    visitor, desk = house.sign_in(somebody()), house.desk
    path, case_id = opened(house, visitor, "Ten at once")
    desk.fault("webhook_lost", count=1)
    message = desk.reply(case_id, "the answer")["message_id"]
    quiet_units(desk, since=0)
    before = len(desk.calls())
    hint = {"v": 1, "event": "staff_reply", "case_id": str(case_id), "message_id": str(message)}
    address = f"{house.cabinet}/webhooks/omnidesk/"
    secret = {"X-Webhook-Secret": house.settings["OMNIDESK_WEBHOOK_SECRETS"]}
    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(lambda _: requests.post(address, json=hint, headers=secret, timeout=10), range(10))
        )
    assert [answer.status_code for answer in answers] == [200] * 10
    await_same(house, visitor, path, case_id, [("customer", "Hello?"), ("staff", "the answer")])
    units = quiet_units(desk, since=before)
    assert units <= 4, "ten hints at once cost a reading, or a second one if some came during the first"
    figure("units for ten webhooks", units)
