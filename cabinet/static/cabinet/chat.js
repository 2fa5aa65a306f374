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
  // This form is sent here and not by composer.js, which brings its files up and keeps its draft.
  const { composer } = window.cabinet;
  form.dataset.sent = "here";
  form.querySelector(".files-label").title = document.getElementById("files-hint").textContent;
  const chips = () => [...form.querySelectorAll(".chip")], isComing = () => Boolean(form.querySelector(".chip progress"));
  // The files in the composer that are on the server.
  const attached = () => chips().filter((chip) => chip.querySelector("[name=uploaded]"))
    .map((chip) => ({ id: chip.querySelector("[name=uploaded]").value, name: chip.dataset.name, size: Number(chip.dataset.size) }));
  const spoken = () => box.dispatchEvent(new Event("input", { bubbles: true }));
  // The draft holds the files of a message until it has arrived: here they are no longer the composer's.
  function takeOut({ key, files }) {
    form.append(...files.map(({ id }) => {
      const field = make("input", { type: "hidden", name: "remove", value: id });
      field.dataset.job = key;
      return field;
    }));
  }
  function giveBack(key) {
    for (const field of form.querySelectorAll('[data-job="' + key + '"]')) field.remove();
  }
  const task = (kept) => ({ ...kept, reason: "", state: "sending", id: "", item: document.createElement("li") });
  function take() {
    remember();
    const text = box.value.trim(), { key, files } = typed;
    return text || files.length ? task({ key, text, files, at: Date.now(), revision: revision.value }) : null;
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
    spoken();
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
      list.append(...job.files.map(({ name }) => {
        const file = make("li", { className: "file" });
        file.append(make("span", { className: "file-link file-off", textContent: name }));
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
    giveBack(job.key);
    drop(job.key);
  }
  function takeBack(job) {
    const alone = !box.value && !chips().length;
    box.value = [job.text, box.value].filter(Boolean).join("\n");
    composer.attach(form, job.files);
    // Sent again as they are, they are the same words: perhaps they did arrive.
    remember(alone ? job.key : "");
    forget(job);
    spoken();
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
    const data = new FormData();
    data.append("csrfmiddlewaretoken", window.cabinet.cookie("csrftoken") || form.querySelector("[name=csrfmiddlewaretoken]").value);
    for (const [name, value] of [["submission", job.key], ["text", job.text], ["revision", job.revision || 0]]) data.append(name, value);
    for (const file of job.files) data.append("uploaded", file.id);
    // What could not be taken back when it was removed goes now.
    const removed = [...form.querySelectorAll("input[type=hidden][name=remove]:not([data-job])")];
    for (const field of removed) data.append("remove", field.value);
    try {
      const answer = await fetch(form.action, { method: "POST", body: data, headers: composer.headers(), credentials: "same-origin", redirect: "manual" });
      if (answer.status === 201) {
        for (const field of removed) field.remove();
        job.id = answer.headers.get("Location").split("#")[1];
        drop(job.key);
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
      job.kept = put(job.key, job);
      takeOut(job);
      clear();
      jobs.push(job);
      send(job);
    }
    box.focus();
  });
  window.addEventListener("beforeunload", (event) => { if (jobs.some((job) => !job.id && !job.kept)) event.preventDefault(); });

  // ── after every swap ──
  const answers = () => [...thread().querySelectorAll("[data-message][data-author=staff]")].map((article) => article.dataset.message);
  const known = new Set(answers());
  document.addEventListener("htmx:afterSwap", (event) => {
    const asked = event.detail.requestConfig && event.detail.requestConfig.elt;
    const earlier = Boolean(asked && asked.hasAttribute("data-older"));
    for (const job of [...jobs]) {
      if (hasArrived(job)) forget(job);
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

  // ── what was not sent, and what is typed until the server has it: kept in this browser for this person ──
  // Each message has an entry of its own, so that no tab writes over what another keeps. A key belongs to words
  // and files as they are: however often and from wherever they are sent, they are said once.
  const ALL = "cabinet-chat/", MINE = ALL + words.me + "/", HALF = "typed";
  const revision = form.querySelector("input[name=revision]");
  const NOTHING = { text: "", files: [] };
  let typed = { key: key(), ...NOTHING };
  function put(name, { key, text, files, at, revision, clean }) {
    try { localStorage.setItem(MINE + name, JSON.stringify({ key, text, files, at, revision, clean })); } catch { return false; }
    return true;
  }
  function drop(name) {
    try { localStorage.removeItem(MINE + name); } catch { /* nothing was kept here */ }
  }
  function read(text) {
    try { return JSON.parse(text); } catch { return null; }
  }
  const print = ({ text, files }) => JSON.stringify([text, files.map((file) => file.id).sort()]);
  const here = () => ({ text: box.value, files: attached() });
  // `clean`: the server has these words, in the draft of this revision.
  let leaves = false;
  document.addEventListener("submit", (event) => { if (event.target.matches(".sign-out")) leaves = true; });
  window.addEventListener("pageshow", () => { leaves = false; });
  function store(clean) {
    if (leaves) return;
    Object.assign(typed, { revision: revision.value, clean });
    if (typed.text || typed.files.length) put(HALF, typed);
    else drop(HALF);
  }
  function remember(known) {
    if (!known && print(here()) === print(typed)) return;
    follow(false);
    typed = { key: known || key(), ...here() };
    store(false);
  }
  function fill(kept) {
    typed = kept || { key: key(), ...NOTHING };
    composer.fill(form, typed.text, typed.files);
  }
  // Whether what stands here is what another tab has typed, and not yet saved.
  function follow(on) {
    if (on) form.dataset.follows = "yes";
    else delete form.dataset.follows;
  }
  function keepHalf() {
    remember();
    store(!composer.isDirty(form) && (Number(revision.value) > 0 || !box.value.trim()));
  }
  form.addEventListener("cabinet:known", () => { if (!form.dataset.follows) keepHalf(); });
  const hasArrived = (job) => Boolean((job.id && document.getElementById(job.id)) || thread().querySelector('[data-key="' + job.key + '"]'));
  function recall() {
    let kept = [], half = null;
    try { kept = Object.entries(localStorage).filter(([name]) => name.startsWith(ALL)); } catch { return; }
    const found = [];
    for (const [name, text] of kept) {
      const entry = name.startsWith(MINE) && read(text);
      // Somebody else has signed in: what was kept here was not his.
      if (!entry) localStorage.removeItem(name);
      else if (name !== MINE + HALF) found.push(entry);
      else half = entry;
    }
    const isOurs = recallHalf(half);
    for (const entry of found.sort((one, other) => one.at - other.at)) {
      const job = Object.assign(task(entry), { state: "failed", kept: true });
      if (hasArrived(job)) drop(job.key);
      else {
        jobs.push(job);
        takeOut(job);
        draw(job);
      }
    }
    // The draft was not told yet that they had left the box: it is what one of them was typed over.
    const said = print({ text: box.value.trim(), files: attached() }), known = Number(revision.value);
    if (jobs.some((job) => print(job) === said || (!isOurs && known && Number(job.revision) === known))) clear();
    const gone = new Set(jobs.flatMap((job) => job.files.map(({ id }) => id))), left = attached().filter(({ id }) => !gone.has(id));
    if (left.length < attached().length) composer.fill(form, box.value, left);
    keepHalf();
  }
  // The draft on the server stands in the box. What this browser holds goes before it only if it never got there;
  // then the revision it was typed over tells the server whether another device has typed on meanwhile.
  function recallHalf(half) {
    if (!half) return false;
    if (print(half) === print(here())) typed = half;
    else if (!half.clean) {
      revision.value = half.revision || 0;
      fill(half);
      spoken();
    }
    return !half.clean;
  }
  // Another tab has typed on or sent it: this one, if it shows the same, follows.
  window.addEventListener("storage", ({ key: name, oldValue, newValue }) => {
    if (!name || !name.startsWith(MINE)) return;
    const before = read(oldValue) || NOTHING, now = read(newValue);
    if (name === MINE + HALF) {
      const same = print(now || NOTHING) === print(here());
      if (print(before) !== print(here()) || (now && now.clean && !same && composer.isDirty(form))) return;
      // It is the other tab's to save, here and on the server, until somebody types here.
      follow(true);
      if (same) typed = now || typed;
      else fill(now);
      composer.settled(form, now ? now.revision : 0);
      follow(now && !now.clean);
    } else if (!newValue) {
      giveBack(name.slice(MINE.length));
      for (const job of jobs.filter((each) => each.state === "failed" && MINE + each.key === name)) forget(job);
    } else if (now && !jobs.some((job) => job.key === now.key)) {
      giveBack(now.key);
      takeOut(now);
    }
  });
  box.addEventListener("input", () => remember());
  new MutationObserver(() => remember()).observe(form, { childList: true, subtree: true });
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
