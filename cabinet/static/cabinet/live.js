// Keeps an open page up to date and forms pleasant. Every page works without it, by reload.
//
// Asking: a tiny request, "is this still the mark?", every 2.5 s while the page is looked at, every second while
// a message of ours is on its way, every 20 s in a hidden tab, at once on return. Where the process "live" is
// there, its stream says when to ask, and asking by the clock is only a net under it. Only when the mark has
// changed does htmx fetch the page itself; the swap named "keyed" then touches nothing that stayed the same, so
// a typed text, the focus, an unfolded quote and the place on the page stay where they are.
(() => {
  "use strict";
  const VISIBLE = 2500, SENDING = 1000, HIDDEN = 20000, AFTER_ERROR = 10000, STREAMED = 30000, STREAM_AGAIN = 60000;
  const root = document.documentElement;
  root.classList.add("js");

  // ── the reader's time zone ──
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const told = document.cookie.split("; ").find((part) => part.startsWith("tz="));
  if (zone && told !== "tz=" + zone) {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = "tz=" + zone + "; path=/; max-age=31536000; SameSite=Lax" + secure;
  }

  // ── what is said quietly ──
  const notice = () => document.getElementById("quiet-notice");
  function say(text, link) {
    const box = notice();
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
  function saySignedOut() {
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
    copy.classList.remove("fresh");
    for (const touched of copy.querySelectorAll("[class]")) touched.classList.remove("htmx-request", "htmx-added", "htmx-settling");
    return copy.outerHTML;
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
        here.replaceWith(child);
        added.push({ child, isNew: false });
      } else {
        target.insertBefore(child, place);
        added.push({ child, isNew: true });
      }
    }
    return added;
  }
  const nearEnd = () => window.innerHeight + window.scrollY >= document.body.scrollHeight - 200;
  function greet(added) {
    for (const { child, isNew } of added) {
      if (!isNew) continue;
      child.classList.add("fresh");
      const article = child.querySelector("[data-message][data-author=staff]");
      const name = article && article.querySelector(".said-name");
      const voice = document.getElementById("announcer");
      if (name && voice) announce(voice.dataset.new.replace("{name}", name.textContent));
    }
  }
  if (window.htmx) htmx.defineExtension("keyed", {
    isInlineSwap: (style) => style === "keyed",
    handleSwap: (style, target, fragment) => {
      if (style !== "keyed") return false;
      const fresh = fragment.id === target.id ? fragment : fragment.querySelector("#" + target.id);
      if (!fresh) return [];
      const added = merge(target, fresh);
      greet(added);
      return added.map(({ child }) => child);
    },
  });

  // ── asking ──
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
        headers: { "If-None-Match": page.dataset.mark }, cache: "no-store", credentials: "same-origin", redirect: "manual",
      });
      if (answer.status === 401) {
        stopped = true;
        saySignedOut();
      } else if (answer.status === 404) {
        stopped = true;
      } else if (answer.status === 200) {
        refetch(page, answer.headers.get("ETag"));
      } else if (answer.status !== 304) {
        wait = AFTER_ERROR;
      }
    } catch {
      wait = AFTER_ERROR;
    } finally {
      asking = false;
      later(askAgain ? 0 : wait || pause());
    }
  }
  function refetch(page, mark) {
    if (page.hasAttribute("data-reload")) return location.reload();
    page.dataset.mark = mark;
    if (window.htmx) htmx.trigger(page, "cabinet:refetch");
  }

  // ── the stream: only while somebody looks, since a browser has few connections to one host ──
  let stream = null, streaming = false, streamTimer = 0;
  function listen() {
    const page = live();
    if (stream || stopped || document.hidden || !page || !page.dataset.stream || !window.EventSource) return;
    clearTimeout(streamTimer);
    stream = new EventSource(page.dataset.stream, { withCredentials: true });
    // What changed before the stream was open is asked for once.
    stream.addEventListener("listening", () => { streaming = true; later(0); });
    stream.addEventListener("changed", (event) => {
      const now = live(), wanted = now && now.dataset.case;
      if (!wanted || event.data.split(",").includes(wanted)) ask();
    });
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
  const atOnce = () => { if (document.hidden) silence(); else { listen(); later(0); } };
  document.addEventListener("visibilitychange", atOnce);
  window.addEventListener("online", atOnce);
  window.addEventListener("pageshow", (event) => {
    for (const form of document.querySelectorAll("[data-send-once]")) release(form);
    if (event.persisted) { stopped = false; atOnce(); }
  });

  // ── forms: one click, one submission ──
  function hold(form) {
    form.dataset.sent = "yes";
    for (const button of form.querySelectorAll("button[type=submit]")) {
      button.setAttribute("aria-disabled", "true");
      if (button.dataset.sending) {
        button.dataset.label = button.textContent;
        button.textContent = button.dataset.sending;
      }
    }
  }
  function release(form) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button[type=submit]")) {
      button.removeAttribute("aria-disabled");
      if (button.dataset.label) button.textContent = button.dataset.label;
      delete button.dataset.label;
    }
    const bar = form.querySelector("progress.upload");
    if (bar) bar.hidden = true;
  }
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-send-once]")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    // After the browser and htmx have taken the values: a disabled button would not be among them.
    setTimeout(() => hold(form));
  }, true);
  document.addEventListener("keydown", (event) => {
    const form = event.target.matches("textarea") && event.target.form;
    if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });

  // ── htmx: what can go wrong keeps what was typed ──
  document.addEventListener("htmx:configRequest", (event) => {
    // Signing in again in another tab changes the token; the cookie has the current one.
    const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
    if (cookie && event.detail.verb === "post") event.detail.parameters.csrfmiddlewaretoken = cookie.slice("csrftoken=".length);
  });
  document.addEventListener("htmx:beforeRequest", () => { notice().hidden = true; });
  document.addEventListener("htmx:xhr:progress", (event) => {
    const bar = event.target.querySelector && event.target.querySelector("progress.upload");
    if (!bar || !event.detail.lengthComputable || event.detail.total < 200000) return;
    bar.hidden = false;
    bar.value = Math.min(99, (100 * event.detail.loaded) / event.detail.total);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest && event.target.closest("form");
    if (form) release(form);
    if (event.detail.requestConfig && event.detail.requestConfig.verb === "get") return;
    const status = event.detail.xhr ? event.detail.xhr.status : 0;
    if (status === 401) saySignedOut();
    else if (status === 413) say(notice().dataset.tooLarge);
    // A form that came too soon is shown again and says so itself; a button has no place for it.
    else if (status === 429 && event.detail.requestConfig.elt.matches("[data-reply]")) notice().hidden = true;
    else if (status >= 400 && status !== 422 || status === 0) say(notice().dataset.notSent);
    if (!notice().hidden) notice().scrollIntoView({ block: "nearest" });
    later(300);
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const posted = event.detail.requestConfig && event.detail.requestConfig.elt;
    if (posted && posted.matches && posted.matches("[data-reply]")) {
      const trouble = document.querySelector("#composer [data-focus]");
      if (trouble) trouble.focus();
      else {
        const last = document.querySelector("#thread > :last-child");
        if (last) last.scrollIntoView({ block: "nearest", behavior: "smooth" });
      }
    }
  });

  // ── files: chosen, dropped, pasted ──
  function size(bytes) {
    const units = bytes < 1048576 ? [bytes / 1024, "kilobyte"] : [bytes / 1048576, "megabyte"];
    return new Intl.NumberFormat(root.lang, { style: "unit", unit: units[1], maximumFractionDigits: 1 }).format(units[0]);
  }
  function show(input) {
    const list = input.form.querySelector("[data-chosen]");
    list.replaceChildren(...[...input.files].map((file, index) => {
      const chip = document.createElement("li");
      chip.className = "chip";
      const name = Object.assign(document.createElement("span"), { className: "chip-name", textContent: file.name });
      const bytes = Object.assign(document.createElement("span"), { className: "chip-size", textContent: size(file.size) });
      if (file.size > Number(input.dataset.limit)) {
        chip.classList.add("chip-bad");
        name.textContent = input.dataset.tooLarge.replace("{name}", file.name);
      }
      const remove = Object.assign(document.createElement("button"), { type: "button", className: "chip-remove", textContent: input.dataset.remove });
      remove.setAttribute("aria-label", input.dataset.remove + " " + file.name);
      remove.addEventListener("click", () => { choose(input, [...input.files].filter((_, other) => other !== index)); input.focus(); });
      chip.append(name, " ", bytes, remove);
      return chip;
    }));
    list.hidden = !input.files.length;
  }
  function choose(input, files) {
    const box = new DataTransfer();
    for (const file of files) box.items.add(file);
    input.files = box.files;
    remembered.set(input, files);
    show(input);
  }
  const remembered = new WeakMap();
  document.addEventListener("change", (event) => {
    if (!event.target.matches("input[type=file][name=files]")) return;
    // Choosing again adds to what was chosen before.
    const before = remembered.get(event.target) || [];
    const fresh = [...event.target.files].filter((file) => !before.some((old) => old.name === file.name && old.size === file.size && old.lastModified === file.lastModified));
    choose(event.target, [...before, ...fresh]);
  });
  const inputFor = (element) => {
    const form = element.closest && element.closest("form");
    return form && form.querySelector("input[type=file][name=files]");
  };
  document.addEventListener("paste", (event) => {
    const input = inputFor(event.target), files = [...event.clipboardData.files];
    if (!input || !files.length) return;
    event.preventDefault();
    choose(input, [...input.files, ...files]);
  });
  document.addEventListener("dragover", (event) => {
    const input = inputFor(event.target);
    if (!input || !event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    input.form.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    const input = inputFor(event.target);
    if (input) input.form.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    const input = inputFor(event.target);
    if (!input || !event.dataTransfer.files.length) return;
    event.preventDefault();
    input.form.classList.remove("dropping");
    choose(input, [...input.files, ...event.dataTransfer.files]);
  });

  const begin = () => {
    const trouble = document.querySelector("[data-focus]");
    if (trouble) trouble.focus();
    listen();
    later(pause());
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
