"""What holds on every page whatever it shows: axe finds nothing, nothing is wider than the screen, everything
that is pressed is large enough for a finger, and the browser has nothing to complain about.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from playwright.sync_api import ConsoleMessage, Page, Request, Response, ViewportSize

FINGER = 44
"""CSS pixels across: what is smaller is missed by many a thumb."""
NARROW: ViewportSize = {"width": 320, "height": 200}
"""A desk of 1280 × 800 CSS pixels at 400 % zoom; see WCAG 1.4.10."""

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """(runOnly) => axe.run(document, { runOnly, resultTypes: ["violations"] }).then((found) =>
    found.violations.flatMap((rule) => rule.nodes.map((node) =>
        `${rule.id} at ${node.target.join(" ")}: ${node.failureSummary.replace(/\\s+/g, " ")}`)))"""

TOO_WIDE = """() => {
  const inner = document.querySelectorAll("main, .chat-scroll");
  const scrolled = [document.scrollingElement, document.body, ...inner];
  const over = scrolled.filter((each) => each.scrollWidth > each.clientWidth + 1);
  if (!over.length) return [];
  const own = (each) => { for (let up = each.parentElement; up; up = up.parentElement)
    if (!scrolled.includes(up) && getComputedStyle(up).overflowX !== "visible") return false; return true; };
  return [...document.body.querySelectorAll("*")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1 && own(each))
    .map((each) => each.cloneNode().outerHTML.slice(0, 120))
    .concat(over.map((each) => `(${each.tagName} ${each.scrollWidth} > ${each.clientWidth})`));
}"""

# Links within a sentence are exempt: there the line is the target. What is smaller than it should be may have
# a larger area around it that takes the press, its label for one.
TOO_SMALL = """(finger) => {
  const shown = (each) => each.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
    !each.closest(".unseen, .skip, [inert]");
  const inText = (link) => getComputedStyle(link).display === "inline" &&
    [...link.parentElement.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const takes = (each, x, y) => {
    const hit = document.elementFromPoint(x, y);
    if (!hit) return false;
    const label = hit.closest("label");
    return each.contains(hit) || (label && label.control === each);
  };
  const small = [];
  const pressed = "a[href], button, input:not([type=hidden]), select, textarea, summary";
  for (const each of document.querySelectorAll(pressed)) {
    if (!shown(each) || (each.matches("a") && inText(each))) continue;
    let box = each.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    if (box.width >= finger - .5 && box.height >= finger - .5) continue;
    each.scrollIntoView({ block: "center", inline: "center" });
    box = each.getBoundingClientRect();
    const label = each.labels && each.labels[0] && each.labels[0].getBoundingClientRect();
    if (label && label.width >= finger - .5 && label.height >= finger - .5) continue;
    const x = box.left + box.width / 2, y = box.top + box.height / 2, half = finger / 2 - 1;
    const wide = box.width >= finger - .5 || takes(each, x - half, y) && takes(each, x + half, y);
    const high = box.height >= finger - .5 || takes(each, x, y - half) && takes(each, x, y + half);
    const size = [box.width, box.height].map(Math.round).join("×");
    if (!wide || !high) small.push(`${size} ${each.outerHTML.slice(0, 160)}`);
  }
  scrollTo(0, 0);
  return small;
}"""

CUT_OFF = """() => { const [root, body] = [document.documentElement, document.body].map((each) =>
    getComputedStyle(each).overflowY);
  const height = document.scrollingElement.scrollHeight;
  return (root === "visible" ? body : root) === "hidden" && height > innerHeight + 1; }"""

TWICE = """() => { const all = [...document.querySelectorAll("[id]")].map((each) => each.id);
  return [...new Set(all.filter((id, place) => all.indexOf(id) !== place))]; }"""

FRAME = """() => ["main", "h1"].map((name) => [...document.querySelectorAll(name)]
    .filter((each) => each.checkVisibility()).length)"""


ANSWERED = re.compile(
    "Failed to load resource|Response Status Error Code|htmx:(send(Error|Abort)|afterRequest)"
)
BESIDE = re.compile("/(drafts|uploads|here)/")
"""What a page posts without being asked; a form is something else."""


@cache
def axe() -> str:
    """axe-core itself, out of an installed package. Run by the browser's debugger, so that the pages' own
    policy need not allow it anything."""
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """What axe finds, a line each: rule, place in the page, what would mend it."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(axe())
    found: list[str] = page.evaluate(RUN, {"type": "tag", "values": RULES})
    return found


def too_wide(page: Page) -> list[str]:
    """What makes the page scroll sideways as it is now."""
    found: list[str] = page.evaluate(TOO_WIDE)
    return found


def too_small(page: Page) -> list[str]:
    """What a finger would miss."""
    found: list[str] = page.evaluate(TOO_SMALL, FINGER)
    return found


def cut_off(page: Page) -> bool:
    """Whether something lies below the screen and cannot be scrolled to."""
    return bool(page.evaluate(CUT_OFF))


def twice(page: Page) -> list[str]:
    """Ids that stand in the page more than once: scripts and labels then mean one of them."""
    found: list[str] = page.evaluate(TWICE)
    return found


def frame(page: Page) -> tuple[int, int]:
    """How many `main` and how many `h1` are to be seen."""
    mains, titles = page.evaluate(FRAME)
    return mains, titles


@dataclass
class Ear:
    """Listens to what the browser says about a page: complaints, foreign addresses, how pages answered."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)
        self.page.on("response", self._answered)

    def _said(self, said: ConsoleMessage) -> None:
        # An answer that is no 200 is said in these words; which ones are right is judged by `_answered`.
        if said.type in ("error", "warning") and not ANSWERED.search(said.text):
            self.complaints.append(said.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.strange.append(request.url)

    def _answered(self, response: Response) -> None:
        request = response.request
        if request.is_navigation_request() or (request.method == "POST" and not BESIDE.search(response.url)):
            if not 300 <= response.status < 400:
                self.statuses.append(response.status)
        elif response.status >= 400:
            self.complaints.append(f"{response.status} {response.url}")
