"""A person asks for a copy and is erased, in real processes: then no row, file or log has their words."""

import io
import json
import zipfile

from scripts.rows import until
from tests.house.checks import await_same, await_true, find, opened, public, somebody
from tests.house.premises import Premises

WORDS = ("xanthippe", "Xanthippe", "hemlock-in-the-tea")


def test_a_copy_and_then_nothing(calm_house: Premises) -> None:
    address = f"xanthippe.{somebody()}"
    visitor, desk = calm_house.sign_in(address), calm_house.desk
    path, case_id = opened(calm_house, visitor, "About Xanthippe")
    visitor.reply(
        path, "There is hemlock-in-the-tea", [("hemlock-in-the-tea.txt", b"Xanthippe", "text/plain")]
    )
    await_true("the reply at the desk", lambda: len(public(desk.case(case_id))) == 2)
    desk.reply(case_id, "Dear Xanthippe, do not drink it")
    lines = ["Hello?", "There is hemlock-in-the-tea", "Dear Xanthippe, do not drink it"]
    expected = list(zip(("customer", "customer", "staff"), lines, strict=True))
    await_same(calm_house, visitor, path, case_id, expected)
    other = calm_house.sign_in(somebody())
    kept, _ = opened(calm_house, other, "Somebody else's")

    visitor.act("/account/", "/account/export/", {})
    link = until(
        "the copy",
        lambda: next((to for to in visitor.page("/account/").links if "/account/export/" in to), None),
        seconds=60,
    )
    copy = zipfile.ZipFile(io.BytesIO(visitor.download(link)))
    assert [m["text"] for m in json.loads(copy.read("data.json"))["cases"][0]["messages"]] == lines
    assert other.get(link).status_code == 404

    assert find(calm_house, *WORDS), "the search itself must find something"
    receipt = visitor.act("/account/erase/", "/account/erase/", {"word": "erase"})
    await_true("the end", lambda: "Your data are erased" in visitor.get(receipt).text, seconds=60)
    found = find(calm_house, *WORDS)
    # What the desk says afterwards is nobody's here.
    desk.reply(case_id, "Xanthippe, are you there?")
    assert opened(calm_house, other, "A while later")
    assert find(calm_house, *WORDS) == found == []
    assert other.get(kept).status_code == 200
    assert len(desk.case(case_id)["messages"]) == 4, "the desk keeps its own"
