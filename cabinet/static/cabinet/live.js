// Keeps an open page up to date and forms pleasant. Every page works without it, by reload.
//
// Asking: a tiny request, "is this still the mark?", every 2.5 s while the page is looked at, every second while
// a message of ours is on its way, every 20 s in a hidden tab, at once on return. Where the process "live" is
// there, its stream says when to ask, and asking by the clock is only a net under it. Only when the mark has
// changed does htmx fetch the page itself; the swap named "keyed" then touches nothing that stayed the same, so
// a typed text, the focus, an unfolded quote and the place on the page stay where they are.
//
// What other scripts of ours need of it is `window.cabinet`.
(() => {
  "use strict";
  const VISIBLE = 2500, SENDING = 1000, HIDDEN = 20000, AFTER_ERROR = 10000, STREAMED = 30000, STREAM_AGAIN = 60000;
  const root = document.documentElement;
  root.classList.add("js");

  // What a cookie of ours says; "" if there is none.
  function cookie(name) {
    const part = document.cookie.split("; ").find((each) => each.startsWith(name + "="));
    return part ? part.slice(name.length + 1) : "";
  }

  // ── the reader's time zone ──
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && cookie("tz") !== zone) {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = "tz=" + zone + "; path=/; max-age=31536000; SameSite=Lax" + secure;
  }

  // ── what is said quietly ──
  const notice = () => document.getElementById("quiet-notice");
  let stale = false;
  function say(text, link) {
    const box = notice();
    stale = false;
    box.textContent = text + " ";
    if (link) {
      const anchor = document.createElement("a");
      anchor.href = link.href;
      anchor.target = "_blank";
      anchor.rel = "noopener";
      anchor.textContent = link.text;
      box.append(anchor);
    }
    box.hidden = false;
  }
  let signedOut = false;
  function saySignedOut() {
    signedOut = true;
    say(notice().dataset.signedOut, { href: "/accounts/login/?next=" + encodeURIComponent(location.pathname), text: notice().dataset.signIn });
  }
  const announce = (text) => {
    const voice = document.getElementById("announcer");
    if (voice) voice.textContent = text;
  };

  // ── a swap that leaves alone what stayed the same ──
  function print(element) {
    const copy = element.cloneNode(true);
    for (const token of copy.querySelectorAll("input[name=csrfmiddlewaretoken]")) token.remove();
    for (const folded of copy.querySelectorAll("details")) folded.removeAttribute("open");
    for (const article of copy.querySelectorAll("article")) article.removeAttribute("tabindex");
    for (const more of copy.querySelectorAll(".more")) more.remove();
    copy.classList.remove("fresh");
    for (const touched of copy.querySelectorAll("[class]")) touched.classList.remove("open", "broken", "htmx-request", "htmx-added", "htmx-settling");
    return copy.outerHTML;
  }
  // What the reader has unfolded, or has before him whole, stays so in the changed version of a message.
  function keepOpen(here, child) {
    const quotes = child.querySelectorAll("details");
    here.querySelectorAll("details").forEach((quote, index) => { if (quote.open && quotes[index]) quotes[index].open = true; });
    const body = here.querySelector(".body"), fresh = child.querySelector(".body.long");
    if (body && fresh && !body.matches(".long:not(.open)")) unfold(fresh, true);
  }
  const REACHED = "article, a, button, summary, input";
  function focusIn(here) {
    const reached = (element) => [element, ...element.querySelectorAll(REACHED)];
    const place = reached(here).indexOf(document.activeElement);
    return (child) => {
      const wanted = place < 0 ? null : reached(child)[place];
      if (!wanted) return;
      if (wanted.matches("article")) wanted.tabIndex = -1;
      wanted.focus({ preventScroll: true });
    };
  }
  function unfold(body, open) {
    const button = body.parentElement.querySelector(".more");
    body.classList.toggle("open", open);
    if (!button || button.getAttribute("aria-expanded") === String(open)) return;
    button.setAttribute("aria-expanded", String(open));
    [button.textContent, button.dataset.less] = [button.dataset.less, button.textContent];
  }
  function merge(target, fresh) {
    const added = [];
    const wanted = new Set([...fresh.children].map((child) => child.id));
    for (const child of [...target.children]) if (!wanted.has(child.id)) child.remove();
    let place = target.firstElementChild;
    for (const child of [...fresh.children]) {
      const here = document.getElementById(child.id);
      if (here && here.parentElement === target) {
        if (here !== place) target.insertBefore(here, place);
        place = here.nextElementSibling;
        if (print(here) === print(child)) continue;
        keepOpen(here, child);
        const refocus = focusIn(here);
        here.replaceWith(child);
        refocus(child);
        added.push({ child, isNew: false });
      } else {
        target.insertBefore(child, place);
        added.push({ child, isNew: true });
      }
    }
    return added;
  }
  if (window.htmx) htmx.defineExtension("keyed", {
    isInlineSwap: (style) => style === "keyed",
    handleSwap: (style, target, fragment) => {
      if (style !== "keyed") return false;
      const fresh = fragment.id === target.id ? fragment : fragment.querySelector("#" + target.id);
      if (!fresh) return [];
      const added = merge(target, fresh);
      document.dispatchEvent(new CustomEvent("cabinet:merged", { detail: { target, added } }));
      return added.map(({ child }) => child);
    },
  });

  // ── the composer: a form stays itself; where one comes or goes, what is typed stays to be read ──
  let asker = null;
  document.addEventListener("htmx:beforeSwap", (event) => { asker = event.detail.requestConfig.elt; });
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const old = event.detail.target, fresh = event.detail.fragment.querySelector("#composer");
    if (old.id !== "composer" || !fresh) return;
    const form = old.querySelector("form[data-reply]"), next = fresh.querySelector("form[data-reply]");
    if (form && next) {
      // The answer to the form itself is for the composer's own script.
      if (asker === form) return;
      old.querySelector("#composer-state").replaceChildren(...fresh.querySelector("#composer-state").childNodes);
      event.detail.shouldSwap = false;
      return;
    }
    const box = fresh.querySelector("#id_text"), unsent = fresh.querySelector("[data-unsent]");
    const typed = old.querySelector("#id_text").value, kept = box.value;
    // What was just sent is in the answer, what has been typed since is here.
    const words = form && asker === form ? [kept, typed].filter((part) => part.trim()).join("\n\n") : next ? kept || typed : typed || kept;
    box.defaultValue = words;
    if (unsent) unsent.hidden = !words.trim();
    if (!form && !next && print(old) === print(fresh)) event.detail.shouldSwap = false;
    if (form) announce(fresh.querySelector("p").textContent);
    if (old.contains(document.activeElement)) document.addEventListener("htmx:afterSettle", () => {
      const there = document.querySelector("#composer a, #composer textarea");
      if (there && document.activeElement === document.body) there.focus({ preventScroll: true });
    }, { once: true });
  });

  // ── asking ──
  // One failure is nothing: the next look comes soon. From the second on the reader knows how old the page is.
  let failures = 0, knownAt = new Date();
  function failed() {
    failures += 1;
    if (failures < 2 || signedOut || (stale && !notice().hidden)) return;
    const clock = new Intl.DateTimeFormat(root.lang, { hour: "2-digit", minute: "2-digit" }).format(knownAt);
    say(notice().dataset.stale.replace("{time}", clock));
    stale = true;
  }
  function answered() {
    failures = 0;
    knownAt = new Date();
    if (stale) notice().hidden = true;
    stale = false;
  }
  let timer = 0, asking = false, askAgain = false, stopped = false;
  const live = () => document.getElementById("live");
  function pause() {
    if (document.hidden) return HIDDEN;
    if (streaming) return STREAMED;
    return document.querySelector("[data-message][data-state=sending]") ? SENDING : VISIBLE;
  }
  function later(milliseconds) {
    clearTimeout(timer);
    if (!stopped && live()) timer = setTimeout(ask, milliseconds);
  }
  async function ask() {
    const page = live();
    askAgain = asking;
    if (!page || asking || stopped) return;
    asking = true;
    let wait = 0;
    try {
      const answer = await fetch(page.dataset.live, {
        headers: { "If-None-Match": page.dataset.mark, "X-Person": document.body.dataset.person }, cache: "no-store", credentials: "same-origin", redirect: "manual",
      });
      if (answer.ok || answer.status === 304) {
        signedInAgain();
        answered();
      }
      if (answer.status === 401) {
        stopped = true;
        saySignedOut();
      } else if (answer.status === 404) {
        stopped = true;
      } else if (answer.status === 200) {
        refetch(page, answer.headers.get("ETag"));
      } else if (answer.status !== 304) {
        wait = AFTER_ERROR;
        failed();
      }
    } catch {
      wait = AFTER_ERROR;
      failed();
    } finally {
      asking = false;
      later(askAgain ? 0 : wait || pause());
    }
  }
  // Somebody has signed in again, in another tab or by another form: what said otherwise is over.
  function signedInAgain() {
    if (!signedOut) return;
    signedOut = false;
    notice().hidden = true;
    listen();
  }
  document.addEventListener("htmx:afterRequest", (event) => {
    const xhr = event.detail.xhr, mark = event.detail.elt === live() && event.detail.successful && xhr.getResponseHeader("X-Live-Mark");
    if (mark) live().dataset.mark = mark;
  });
  function refetch(page, mark) {
    if (page.hasAttribute("data-reload")) return location.reload();
    // The mark of what is fetched comes with it, see below; without htmx the page stays as old as it is.
    if (!window.htmx) page.dataset.mark = mark;
    if (window.htmx && !document.querySelector("form.htmx-request")) htmx.trigger(page, "cabinet:refetch");
  }
  // A look for news must not take a form away while it is being answered: its answer would find no place. What it
  // changes is asked for right after it.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.matches("form") && live()) htmx.trigger(live(), "htmx:abort");
  });

  // ── the stream: only while somebody looks, since a browser has few connections to one host ──
  let stream = null, streaming = false, streamTimer = 0;
  function listen() {
    const page = live();
    if (stream || stopped || document.hidden || !page || !page.dataset.stream || !window.EventSource) return;
    clearTimeout(streamTimer);
    stream = new EventSource(page.dataset.stream, { withCredentials: true });
    // What changed before the stream was open is asked for once.
    stream.addEventListener("listening", () => { streaming = true; later(0); });
    stream.addEventListener("changed", () => ask());
    stream.addEventListener("error", () => {
      streaming = false;
      later(pause());
      if (!stream || stream.readyState !== EventSource.CLOSED) return;
      // It is not there at all: the page asks by the clock, and looks for a stream now and then.
      silence();
      streamTimer = setTimeout(listen, STREAM_AGAIN);
    });
  }
  function silence() {
    if (stream) stream.close();
    stream = null;
    streaming = false;
  }
  const atOnce = () => {
    if (document.hidden) return silence();
    if (signedOut) stopped = false;
    listen();
    later(0);
  };
  document.addEventListener("visibilitychange", atOnce);
  window.addEventListener("online", atOnce);
  // Two windows beside each other are both always in sight.
  window.addEventListener("focus", () => { if (signedOut) atOnce(); });
  window.addEventListener("pageshow", (event) => { if (event.persisted) { stopped = false; atOnce(); } });

  window.cabinet = { cookie, live, ask, later, say, saySignedOut, announce, notice, unfold };
  const begin = () => { listen(); later(pause()); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
