// Reading: where a page is entered, what counts as seen, what is said about news, long texts, earlier messages.
//
// A visit begins when the page is loaded. Every request of the page says with what it began, so that the "new"
// line stays where it is until the next loading, and whether somebody looks: only then does what it fetches
// become read. What was fetched in a hidden tab is fetched once more when the tab is looked at.
(() => {
  "use strict";
  const { live, ask, announce, unfold } = window.cabinet;
  const thread = () => document.getElementById("thread");

  // ── the visit ──
  let owed = false;
  document.addEventListener("htmx:configRequest", (event) => {
    const page = live(), headers = event.detail.headers;
    if (!page || !page.dataset.since) return;
    headers["X-Visit-Since"] = page.dataset.since;
    headers["X-Visit-First"] = page.dataset.first;
    headers["X-Visit-Looking"] = document.hidden ? "0" : "1";
    owed = document.hidden;
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !owed || !window.htmx) return;
    owed = false;
    htmx.trigger(live(), "cabinet:refetch");
  });

  // ── the person's other tabs: their badges drop at once ──
  const channel = window.BroadcastChannel ? new BroadcastChannel("cabinet") : null;
  const seen = () => { if (channel && thread() && !document.hidden) channel.postMessage("seen"); };
  if (channel) channel.addEventListener("message", () => ask());
  document.addEventListener("htmx:afterRequest", (event) => { if (event.detail.elt === live()) seen(); });

  // ── what is said about news ──
  function inWords(forms, count, name) {
    const all = JSON.parse(forms), kinds = name ? all : all.several || all, kind = new Intl.PluralRules(document.documentElement.lang).select(count);
    return (kinds[kind] || kinds.many).replace("{count}", count).replace("{name}", name || "");
  }
  const failures = (parts) => parts.flatMap((part) => [...part.querySelectorAll("[data-message][data-state=failed]")]);
  let failed = new Set();
  const rememberFailures = () => { failed = new Set(failures(thread() ? [thread()] : []).map((article) => article.dataset.message)); };
  const unread = () => Number((document.querySelector("#unread-badge [aria-hidden]") || {}).textContent || 0);
  let known = unread();
  document.addEventListener("cabinet:merged", (event) => {
    const { target, added } = event.detail, voice = document.getElementById("announcer");
    if (!voice || !target) return;
    const arrived = new Set(added.filter(({ isNew }) => isNew).map(({ child }) => child));
    const last = [];
    // Only at the end: what is unfolded in the middle is no news.
    for (let child = target.lastElementChild; child && arrived.has(child); child = child.previousElementSibling) last.push(child);
    if (target.id !== "thread") {
      for (const child of arrived) child.classList.add("fresh");
      return;
    }
    for (const child of last) child.classList.add("fresh");
    const names = last.map((child) => child.querySelector("[data-author=staff] .said-name")).filter(Boolean);
    const people = new Set(names.map((name) => name.textContent));
    const changed = added.filter(({ isNew }) => !isNew).map(({ child }) => child);
    const said = failures([...changed, ...last]).filter((article) => !failed.has(article.dataset.message))
      .map((article) => article.querySelector(".state-failed").textContent.trim());
    rememberFailures();
    if (names.length) said.push(inWords(voice.dataset.replies, names.length, people.size > 1 ? "" : names[0].textContent));
    if (said.length) announce(said.join(" "));
  });
  document.addEventListener("htmx:afterSettle", () => {
    const voice = document.getElementById("announcer"), now = unread();
    if (voice && voice.dataset.cases && now > known) announce(inWords(voice.dataset.cases, now));
    known = now;
  });

  // ── long messages ──
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".more");
    if (!button) return;
    const body = document.getElementById(button.getAttribute("aria-controls")), open = !body.classList.contains("open");
    unfold(body, open);
    if (!open) body.closest("article").scrollIntoView({ block: "nearest" });
  });

  // ── earlier messages: what is read stays where it is on the screen ──
  let anchor = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const link = event.detail.requestConfig.elt;
    anchor = null;
    if (!link || !link.matches || !link.matches("[data-earlier]") || event.detail.xhr.status !== 200) return;
    const item = link.closest("li"), below = item.nextElementSibling;
    anchor = { above: item.previousElementSibling, below, top: below.getBoundingClientRect().top };
    live().dataset.first = "0";
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (!anchor) return;
    const below = document.getElementById(anchor.below.id);
    if (below) window.scrollBy(0, below.getBoundingClientRect().top - anchor.top);
    const first = anchor.above && document.getElementById(anchor.above.id);
    let next = first && first.nextElementSibling;
    while (next && !next.querySelector("article")) next = next.nextElementSibling;
    if (next) focusQuietly(next.querySelector("article"), true);
    anchor = null;
  });
  function focusQuietly(article, preventScroll) {
    article.tabIndex = -1;
    article.focus({ preventScroll });
  }

  // ── a picture that does not load is a link to its file ──
  document.addEventListener("error", (event) => {
    const link = event.target.matches && event.target.matches("img") && event.target.closest("[data-picture]");
    if (link) link.classList.add("broken");
  }, true);

  // ── details beside the thread are open, above it folded ──
  function arrangeDetails() {
    if (CSS.supports("selector(::details-content)")) return;
    for (const fold of document.querySelectorAll(".case-fold")) fold.open = matchMedia("(min-width: 60rem)").matches;
  }

  // ── where a page is entered: at the hash, at what is new, at the end; never against the browser's memory ──
  function arrive() {
    const way = performance.getEntriesByType("navigation")[0];
    // "#new" is what the list says of a case with news: without scripts the browser itself goes there.
    if ((location.hash && location.hash !== "#new") || !thread() || document.querySelector("[data-focus]") || (way && way.type !== "navigate")) return;
    const line = document.getElementById("new");
    if (line) return line.scrollIntoView({ block: "start" });
    const last = thread().lastElementChild, composer = document.getElementById("composer");
    if (composer) composer.scrollIntoView({ block: "end" });
    if (last) last.scrollIntoView({ block: last.offsetHeight > 0.8 * window.innerHeight ? "start" : "nearest" });
  }
  // Pictures have no size before they are there. Until the reader moves, the page is entered anew with each.
  const SETTLES = 3000;
  function settle() {
    const stop = new AbortController(), options = { capture: true, signal: stop.signal };
    document.addEventListener("load", (event) => { if (event.target.matches && event.target.matches("#thread img")) arrive(); }, options);
    for (const moved of ["wheel", "touchstart", "keydown", "pointerdown"]) window.addEventListener(moved, () => stop.abort(), options);
    setTimeout(() => stop.abort(), SETTLES);
  }
  // A link to a message that is not shown because the thread is long.
  function findHash() {
    const wanted = location.hash.slice(1);
    if (wanted.startsWith("m-") && !document.getElementById(wanted) && document.getElementById("earlier")) location.replace("?all=1" + location.hash);
  }
  const begin = () => { rememberFailures(); arrangeDetails(); findHash(); arrive(); settle(); seen(); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
  window.addEventListener("hashchange", findHash);
  window.cabinet.focusQuietly = focusQuietly;
})();
