// The chat on top of live.js and composer.js: words appear at once and go one after another, the view stays at
// the end while the reader is there, and an answer makes itself heard. Without this file the page is a form and
// a list.
(() => {
  "use strict";
  const root = document.documentElement, chat = document.getElementById("chat"), form = document.getElementById("chat-form");
  if (!chat || !form || !window.htmx) return;
  const words = chat.dataset, box = form.querySelector("textarea"), view = document.getElementById("chat-scroll");
  const thread = () => document.getElementById("thread"), live = () => document.getElementById("live");
  const choice = (name) => document.querySelector("#chat-choices [name=" + name + "]").checked;
  const make = (tag, values) => Object.assign(document.createElement(tag), values);

  // ── the place on the page ──
  const SLACK = 80;
  const down = document.getElementById("chat-down");
  let atEnd = true, fromEnd = 0, top = 0;
  const toEnd = () => { view.scrollTop = view.scrollHeight; atEnd = true; down.hidden = true; news = null; };
  // The page begins at what is new, and stays there until the reader moves: pictures grow above.
  let news = document.getElementById("new");
  function begin() {
    if (!news) return toEnd();
    atEnd = false;
    view.scrollTop += news.getBoundingClientRect().top - view.getBoundingClientRect().top - 12;
  }
  for (const moved of ["wheel", "touchstart", "keydown", "pointerdown"]) window.addEventListener(moved, () => { news = null; }, { capture: true, passive: true });
  view.addEventListener("scroll", () => {
    // Only going up leaves the end: what grows, or a view that shrinks, does not.
    if (view.scrollHeight - view.scrollTop - view.clientHeight < SLACK) atEnd = true;
    else if (view.scrollTop < top) atEnd = false;
    top = view.scrollTop;
    if (atEnd) down.hidden = true;
  }, { passive: true });
  down.addEventListener("click", toEnd);
  // A picture that has loaded, a keyboard that has opened: whoever was at the end stays there.
  const keep = new ResizeObserver(() => { if (news) begin(); else if (atEnd) toEnd(); });
  keep.observe(view);
  keep.observe(view.firstElementChild);

  // ── phones: the page is as high as what the keyboard leaves ──
  const port = window.visualViewport, LOW = 420;
  function fit() {
    if (port.scale > 1.01) return;
    root.style.setProperty("--chat-height", port.height + "px");
    root.classList.toggle("chat-low", port.height < LOW);
    if (port.offsetTop) window.scrollTo(0, 0);
  }
  if (port) {
    port.addEventListener("resize", fit);
    port.addEventListener("scroll", fit);
    fit();
  }

  // ── what is on its way: shown at once, replaced by what the server makes of it ──
  const jobs = [], queue = [];
  let running = false;
  function key() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }
  // This form is sent here and not by composer.js, which only brings its files up.
  form.dataset.sent = "here";
  form.querySelector(".files-label").title = document.getElementById("files-hint").textContent;
  const chips = () => [...form.querySelectorAll(".chip")], isComing = () => Boolean(form.querySelector(".chip progress"));
  const nameOf = (chip) => chip.querySelector(".chip-name").textContent;
  function take() {
    const text = box.value.trim(), files = chips();
    if (!text && !files.length) return null;
    return { text, files, data: new FormData(form), reason: "", state: "sending", id: "", item: document.createElement("li") };
  }
  // A message waits for its files; not for one that was refused, which its writer has to look at.
  let waiting = null;
  function waitForFiles() {
    if (waiting) return;
    const said = form.querySelector("[data-upload-word]");
    said.textContent = form.querySelector("[data-attach]").dataset.waiting;
    waiting = new MutationObserver(() => {
      if (isComing()) return;
      waiting.disconnect();
      waiting = null;
      said.textContent = "";
      const bad = form.querySelector(".chip-bad");
      if (bad) bad.focus();
      else form.requestSubmit();
    });
    waiting.observe(form, { childList: true, subtree: true });
  }
  function clear() {
    box.value = "";
    for (const list of form.querySelectorAll("ul.chips")) list.remove();
    for (const trouble of form.querySelectorAll(".flash.error, .errorlist")) trouble.remove();
    form.querySelector("input[name=submission]").value = key();
    remember();
  }
  function draw(job) {
    const { item } = job;
    item.className = "say say-customer say-opens say-closes";
    const bubble = make("article", { className: "say-bubble" });
    bubble.dataset.author = "customer";
    bubble.dataset.state = job.state;
    bubble.dataset.pending = "";
    bubble.setAttribute("aria-label", words.you);
    const body = make("div", { className: "body chat-plain", textContent: job.text });
    body.dataset.body = "";
    bubble.append(body);
    if (job.files.length) {
      const list = make("ul", { className: "files" });
      list.append(...job.files.map((chip) => {
        const file = make("li", { className: "file" });
        file.append(make("span", { className: "file-link file-off", textContent: nameOf(chip) }));
        return file;
      }));
      bubble.append(list);
    }
    if (job.state === "sending") {
      const foot = make("footer", { className: "say-foot" });
      foot.append(make("span", { className: "state state-sending", textContent: words.sending }));
      bubble.append(foot);
    } else bubble.append(trouble(job));
    item.replaceChildren(bubble);
    if (!item.isConnected) thread().append(item);
  }
  function trouble(job) {
    const part = make("div", { className: "say-failed" });
    const said = make("p", { className: "state state-failed" });
    said.setAttribute("role", "alert");
    said.append(make("strong", { textContent: words.failed }), " " + job.reason);
    const again = make("button", { type: "button", className: "button", textContent: words.again });
    again.addEventListener("click", () => send(job));
    const edit = make("button", { type: "button", className: "button quiet", textContent: words.edit });
    edit.addEventListener("click", () => takeBack(job));
    const buttons = make("p", {});
    buttons.append(again, " ", edit);
    part.append(said, buttons);
    return part;
  }
  function forget(job) {
    jobs.splice(jobs.indexOf(job), 1);
    job.item.remove();
  }
  function takeBack(job) {
    forget(job);
    box.value = [job.text, box.value].filter(Boolean).join("\n");
    if (job.files.length) {
      const place = form.querySelector("[data-attach]"), list = place.querySelector("ul.chips") || make("ul", { className: "chips" });
      list.setAttribute("aria-label", place.dataset.list);
      list.prepend(...job.files);
      place.querySelector(".files-label").before(list);
    }
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.focus();
  }
  function send(job) {
    job.state = "sending";
    draw(job);
    queue.push(job);
    toEnd();
    run();
  }
  // One after another, so that they arrive as they were written. Meanwhile the page is not fetched: it might hold
  // words whose answer is still on its way here, and show them twice.
  async function run() {
    if (running) return;
    running = true;
    htmx.trigger(live(), "htmx:abort");
    while (queue.length) await post(queue.shift());
    running = false;
    htmx.trigger(live(), "cabinet:refetch");
  }
  async function post(job) {
    const token = window.cabinet.cookie("csrftoken");
    if (token) job.data.set("csrfmiddlewaretoken", token);
    try {
      const answer = await fetch(form.action, {
        method: "POST", body: job.data, headers: { "HX-Request": "true" }, credentials: "same-origin", redirect: "manual",
      });
      if (answer.status === 201) {
        job.id = answer.headers.get("Location").split("#")[1];
        return;
      }
      job.reason = await why(answer);
    } catch {
      job.reason = words.trouble;
    }
    job.state = "failed";
    draw(job);
  }
  async function why(answer) {
    if (answer.status === 401) return document.getElementById("quiet-notice").dataset.signedOut;
    if (answer.status === 413) return words.tooLarge;
    if (answer.status !== 422 && answer.status !== 429) return words.trouble;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const said = [...page.querySelectorAll("#composer .flash.error li")].map((line) => line.textContent);
    return said.join(" ") || words.trouble;
  }
  document.addEventListener("htmx:beforeRequest", (event) => {
    const earlier = event.detail.elt.hasAttribute("data-older");
    if (running && (earlier || event.detail.elt.id === "live")) event.preventDefault();
    else if (earlier) fromEnd = view.scrollHeight - view.scrollTop;
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isComing()) return waitForFiles();
    const bad = form.querySelector(".chip-bad");
    if (bad) return bad.focus();
    const job = take();
    if (job) {
      clear();
      jobs.push(job);
      send(job);
    }
    box.focus();
  });
  window.addEventListener("beforeunload", (event) => { if (jobs.some((job) => !job.id)) event.preventDefault(); });

  // ── after every swap ──
  const answers = () => [...thread().querySelectorAll("[data-message][data-author=staff]")].map((article) => article.dataset.message);
  const known = new Set(answers());
  document.addEventListener("htmx:afterSwap", (event) => {
    const asked = event.detail.requestConfig && event.detail.requestConfig.elt;
    const earlier = Boolean(asked && asked.hasAttribute("data-older"));
    for (const job of [...jobs]) {
      if (job.id && document.getElementById(job.id)) forget(job);
      else if (!job.item.isConnected) thread().append(job.item);
    }
    const fresh = answers().filter((id) => !known.has(id));
    for (const id of fresh) known.add(id);
    if (earlier) view.scrollTop = view.scrollHeight - fromEnd;
    else if (fresh.length) {
      if (!atEnd) down.hidden = false;
      if (document.hidden || !document.hasFocus()) { beep(); flash(); }
    }
    if (atEnd && !earlier) toEnd();
  });

  // ── typing: half a sentence outlives a reload of this tab ──
  const HALF = "cabinet-chat-" + words.me;
  function remember() {
    try { sessionStorage.setItem(HALF, box.value); } catch { /* nothing is kept here */ }
  }
  function recall() {
    try { box.value = box.value || sessionStorage.getItem(HALF) || ""; } catch { /* nothing was kept here */ }
  }
  box.addEventListener("input", remember);
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!choice("enter_sends")) return;
    event.preventDefault();
    form.requestSubmit();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-new-chat]")) return;
    event.preventDefault();
    toEnd();
    box.focus();
  });

  // ── settings: kept as soon as they are changed ──
  const choices = document.getElementById("chat-choices"), menu = document.getElementById("chat-settings");
  const hint = () => { box.enterKeyHint = choice("enter_sends") ? "send" : "enter"; };
  choices.addEventListener("change", () => {
    hint();
    fetch(choices.action, { method: "POST", body: new FormData(choices), headers: { "HX-Request": "true" }, credentials: "same-origin", redirect: "manual" }).catch(() => {});
  });
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  // ── an answer while nobody looks ──
  let sound = null, blinking = 0, title = "";
  // A browser lets a page be heard only after somebody has touched it.
  const wake = () => {
    if (!sound && window.AudioContext) sound = new AudioContext();
    if (sound && sound.state === "suspended") sound.resume();
  };
  document.addEventListener("pointerdown", wake);
  document.addEventListener("keydown", wake);
  function beep() {
    if (!sound || sound.state !== "running" || !choice("chat_sound")) return;
    for (const [pitch, after] of [[660, 0], [880, 0.13]]) {
      const tone = sound.createOscillator(), volume = sound.createGain(), start = sound.currentTime + after;
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0, start);
      volume.gain.linearRampToValueAtTime(0.12, start + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.001, start + 0.28);
      tone.connect(volume).connect(sound.destination);
      tone.start(start);
      tone.stop(start + 0.3);
    }
  }
  function flash() {
    if (blinking || !choice("chat_flash")) return;
    title = document.title;
    const blink = () => { document.title = document.title === title ? "● " + words.fresh : title; };
    blink();
    blinking = setInterval(blink, 1200);
  }
  function calm() {
    if (!blinking || document.hidden) return;
    clearInterval(blinking);
    blinking = 0;
    document.title = title;
  }
  document.addEventListener("visibilitychange", calm);
  window.addEventListener("focus", calm);
  document.addEventListener("pointerdown", calm);

  hint();
  recall();
  begin();
  if (new URLSearchParams(location.search).has("new")) box.focus();
})();
