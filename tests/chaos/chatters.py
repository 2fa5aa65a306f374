"""People without an e-mail address who chat: led here by the company's own site, one conversation each."""

from scripts.visitor import Visitor
from tests.chaos.actors import Customer
from tests.chaos.ledger import Ledger
from tests.chaos.words import EQUAL, chat_of, first_line, marker, text_with

CHAT = "/chat/"


class Chatter(Customer):
    """Says something, attaches, presses twice, sends again; a chat that is over is followed by the next."""

    def __init__(
        self, visitor: Visitor, ledger: Ledger, *, external_id: str, seed: str, pace: float, most: int
    ) -> None:
        super().__init__(visitor, ledger, seed=seed, pace=pace, most=most)
        self.name = f"chatter {external_id}"
        self.conversation = chat_of(external_id)

    def act(self) -> None:
        self.dice.choices([self.talk, self.talk_with_files, self.send_again], weights=[80, 12, 8])[0]()

    def talk(self) -> None:
        self._say_in_chat(EQUAL if self.chance(0.1) else text_with(self.dice, marker(self.dice, "CHAT")))

    def talk_with_files(self) -> None:
        self._say_in_chat(text_with(self.dice, marker(self.dice, "CHAT")), with_files=True)

    def send_again(self) -> None:
        page = self.visitor.page(CHAT)
        retries = {form.action: form for form in page.forms if form.action.endswith("/retry/")}
        for message in page.messages:
            action = next((action for action in retries if message.id in action), None)
            if message.state == "failed" and action:
                self.ledger.retried(self.conversation, first_line(message.text))
                self.press(CHAT, action, {}, [], None)
                return

    def _say_in_chat(self, text: str, *, with_files: bool = False) -> None:
        files = self.files() if with_files else []
        entry = self._written(self.conversation, text, files)
        self.press(CHAT, CHAT, {"text": text}, files, entry)
