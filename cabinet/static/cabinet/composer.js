// The composer: what is typed is saved on the server while it is typed, files go up one by one, and one's own
// words stand in the thread at once. Without this file every form works by the browser alone.
(() => {
  "use strict";
  const { cookie, say, saySignedOut, live } = window.cabinet;
  const QUIET = 1000, AT_LEAST = 5000, AGAIN = 10000, AT_ONCE = 2, KEPT_ALIVE = 60000;
  const GIVE_UP = 30000, PATIENCE = 3000, SLOW = 500, AWAY = 30000;
  const states = new WeakMap();
  const make = (tag, values) => Object.assign(document.createElement(tag), values);
  const formOf = (element) => element.closest && element.closest("form:has([data-attach])");
  const main = () => document.querySelector("form[data-draft]") || document.querySelector("form:has([data-attach])");
  const box = (form) => form.querySelector("textarea[name=text]");
  const hidden = (form, name) => form.querySelector("input[name=" + name + "]");
  const words = (form) => form.querySelector("[data-attach]").dataset;
  const state = (form) => {
    if (!states.has(form)) states.set(form, { timer: 0, left: Date.now(), stop: null, since: 0, until: 0, step: 0, saved: "", saving: null, swap: false, uploads: new Set(), queue: [], waiting: null, sending: null, failed: null, composing: false });
    return states.get(form);
  };
  function headers() {
    const token = cookie("csrftoken") || document.querySelector("input[name=csrfmiddlewaretoken]").value;
    return { "HX-Request": "true", "X-CSRFToken": token, "X-Person": document.body.dataset.person };
  }

  // ── drafts ──
  const TYPED = "textarea, input:not([type=hidden], [type=checkbox], [type=radio], [type=file])";
  function collect(form) {
    const data = new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === "string"));
    for (const name of ["csrfmiddlewaretoken", "uploaded", "remove"]) data.delete(name);
    // Nothing but choices that stand there anyway is no draft.
    if (![...form.querySelectorAll(TYPED)].some((field) => field.value.trim()))
      for (const field of form.querySelectorAll("select, [type=checkbox], [type=radio]")) data.delete(field.name);
    return data;
  }
  function print(form) {
    const data = collect(form);
    for (const name of ["revision", "submission"]) data.delete(name);
    return data.toString();
  }
  const isDirty = (form) => !!form.dataset.draft && !state(form).sending && print(form) !== state(form).saved;
  const tell = (form, text) => {
    const word = form.querySelector("[data-draft-word]");
    if (word && word.textContent !== text) word.textContent = text;
  };
  function known(form, revision) {
    hidden(form, "revision").value = revision;
    const button = form.querySelector("[data-discard]");
    if (button) button.hidden = !revision;
    if (!revision) tell(form, "");
    form.dispatchEvent(new Event("cabinet:known"));
  }
  function soon(form) {
    const now = state(form);
    if (!form.dataset.draft || now.sending) return;
    now.since = now.since || Date.now();
    clearTimeout(now.timer);
    now.timer = setTimeout(save, Math.max(Math.min(QUIET, now.since + AT_LEAST - Date.now()), now.until - Date.now(), 0), form);
  }
  function save(form, more) {
    const now = state(form);
    clearTimeout(now.timer);
    const leaving = !!more && more.leaving;
    if (now.composing || now.sending || (!more && !isDirty(form))) return null;
    // What is about to be sent waits for no further saving.
    if (now.waiting && !now.uploads.size && !leaving) return null;
    // One after another; only a page that is being left cannot wait.
    if (now.saving && !leaving) return now.saving.then(() => save(form, more));
    now.saving = store(form, more || {}).finally(() => { now.saving = null; });
    return now.saving;
  }
  async function store(form, { leaving, swap }) {
    const now = state(form), data = collect(form), said = print(form), before = now.saved;
    const page = hidden(form, "submission").value, stop = (now.stop = new AbortController());
    const over = setTimeout(() => stop.abort(), GIVE_UP);
    // Sent meanwhile: this is no longer about what stands here.
    const isSent = () => hidden(form, "submission").value !== page;
    data.set("case", form.dataset.case || "");
    data.set("step", ++now.step);
    // Until the server has it: what it then holds goes aside instead of being lost.
    now.swap = now.swap || !!swap;
    if (now.swap) data.set("swap", "1");
    let why = "", wait = AGAIN;
    now.saved = said;
    now.since = 0;
    try {
      const body = data.toString();
      const answer = await fetch(form.dataset.draft, { method: "POST", body: data, headers: headers(), credentials: "same-origin", redirect: "manual", signal: stop.signal, keepalive: !!leaving && body.length < KEPT_ALIVE });
      if (answer.status === 401) saySignedOut();
      if (answer.status === 429) now.until = Date.now() + (wait = 1000 * (parseInt(answer.headers.get("Retry-After")) || 10));
      if (answer.status === 413 || answer.status === 429) why = (await answer.json()).error;
      if (answer.status !== 200 && answer.status !== 409) throw new Error();
      const told = await answer.json();
      if (isSent()) return;
      now.swap = false;
      known(form, told.revision);
      if (told.revision) tell(form, form.querySelector("[data-draft-word]").dataset.saved);
      showAside(form, told.aside);
    } catch {
      if (isSent()) return;
      now.saved = before;
      if (!now.waiting) tell(form, why || form.querySelector("[data-draft-word]").dataset.offline);
      clearTimeout(now.timer);
      // Too long stays too long; what came too soon has its time.
      if (!why || now.until > Date.now()) now.timer = setTimeout(save, wait, form);
    } finally {
      clearTimeout(over);
    }
  }
  const listed = (extra) => Object.entries(extra || {}).flatMap(([name, values]) => values.map((value) => [name, value]));
  const given = (pairs) => JSON.stringify(pairs.filter(([, value]) => value).sort());
  function showAside(form, aside) {
    const part = form.querySelector("[data-aside]"), { text = "", subject = "", extra = {} } = aside || {};
    part.hidden = !(text || subject || listed(extra).some(([, value]) => value));
    part.querySelector("[data-aside-text]").textContent = text;
    part.dataset.subject = subject;
    for (const field of part.querySelectorAll("[data-aside-value]")) field.remove();
    for (const [name, value] of listed(extra)) {
      const field = make("input", { type: "hidden", value });
      field.dataset.asideValue = name;
      part.append(field);
    }
  }
  function swapAside(form) {
    if (hidden(form, "subject")) return swapWhole(form);
    box(form).value = form.querySelector("[data-aside-text]").textContent;
    refresh(form);
    save(form, { swap: true });
    box(form).focus();
  }
  // The form for a new case, whose fields are the server's to show: it swaps, and then the page is fetched anew.
  async function swapWhole(form) {
    const now = state(form), part = form.querySelector("[data-aside]");
    await (save(form) || now.saving);
    if (now.saving || now.sending || now.uploads.size || isDirty(form)) return;
    const data = new URLSearchParams({ subject: part.dataset.subject, text: part.querySelector("[data-aside-text]").textContent, case: "", swap: "1", step: ++now.step });
    for (const name of ["submission", "revision"]) data.set(name, hidden(form, name).value);
    for (const field of part.querySelectorAll("[data-aside-value]")) data.append(field.dataset.asideValue, field.value);
    now.sending = {};
    try {
      const answer = await fetch(form.dataset.draft, { method: "POST", body: data, headers: headers(), credentials: "same-origin", redirect: "manual" });
      if (answer.status === 200) return location.replace(location.pathname);
    } catch { /* said below */ }
    now.sending = null;
    tell(form, form.querySelector("[data-draft-word]").dataset.offline);
  }
  // Back on a page that was left: what another device has typed meanwhile comes in, unless this one has changed too.
  async function catchUp(form) {
    const now = state(form), isBusy = () => now.saving || now.uploads.size || isDirty(form) || now.sending || now.waiting || form.dataset.follows;
    // What the address says goes before the draft; a file that could not be uploaded is only here.
    if (!form.dataset.draft || isBusy() || form.querySelector(".offered, .chip-bad")) return;
    try {
      const answer = await fetch(form.dataset.draft + "?case=" + (form.dataset.case || ""), { headers: headers(), cache: "no-store", redirect: "manual" });
      if (answer.status !== 200) return;
      const told = await answer.json(), files = told.files.filter((file) => !form.querySelector(gone(file.id)));
      const same = files.map((file) => file.id).sort().join() === tokens(form).sort().join();
      if ((same && String(told.revision) === hidden(form, "revision").value) || isBusy() || form.querySelector(".chip-bad")) return;
      // Another topic, other fields: only the server can show those.
      if (hidden(form, "subject") && given(fields(form)) !== given(listed(told.extra))) return location.replace(location.pathname);
      if (hidden(form, "subject")) hidden(form, "subject").value = told.subject;
      fill(form, told.text, files);
      now.saved = print(form);
      known(form, told.revision);
      showAside(form, told.aside);
    } catch { /* the next time */ }
  }
  const gone = (id) => "input[type=hidden][name=remove][value=\"" + id + "\"]";
  const tokens = (form) => [...form.querySelectorAll("[name=uploaded]")].map((field) => field.value);
  const OURS = ["csrfmiddlewaretoken", "submission", "revision", "fields_of", "uploaded", "remove", "files", "subject", "text"];
  const fields = (form) => [...new FormData(form)].filter(([name]) => !OURS.includes(name));
  document.addEventListener("input", (event) => {
    const form = formOf(event.target);
    if (!form) return;
    refresh(form);
    dismiss(form);
    if (!event.isComposing) soon(form);
  });
  document.addEventListener("change", (event) => { const form = formOf(event.target); if (form) soon(form); });
  document.addEventListener("compositionstart", (event) => { const form = formOf(event.target); if (form) state(form).composing = true; });
  document.addEventListener("compositionend", (event) => {
    const form = formOf(event.target);
    if (!form) return;
    state(form).composing = false;
    soon(form);
  });
  const eachDraft = (act) => { for (const form of document.querySelectorAll("form[data-draft]")) act(form); };
  const leave = () => eachDraft((form) => { if (isDirty(form)) save(form, { leaving: true }); });
  window.addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); else eachDraft(catchUp); });
  window.addEventListener("online", () => eachDraft((form) => { if (isDirty(form)) save(form); }));
  window.addEventListener("pageshow", (event) => eachDraft((form) => {
    state(form).sending = null;
    if (event.persisted) catchUp(form);
  }));
  document.addEventListener("click", (event) => {
    const form = formOf(event.target);
    if (form && event.target.closest("[data-swap]")) swapAside(form);
  });

  // ── the look of it: one line until it is needed, as high as its words ──
  const hasFiles = (form) => !!form.querySelector(".chip:not(.chip-bad)");
  const isEmpty = (form) => !box(form).value.trim() && !form.querySelector(".chip");
  function refresh(form) {
    const close = form.querySelector("[data-close]"), text = box(form);
    // With nothing to send, the button beside the thread closes the case, and only that one is there.
    if (close) close.hidden = !(text.value.trim() || hasFiles(form));
    if (!isEmpty(form)) form.classList.add("open");
    if (!CSS.supports("field-sizing", "content")) {
      text.style.height = "auto";
      text.style.height = text.scrollHeight + 2 + "px";
    }
  }
  document.addEventListener("focusin", (event) => {
    const form = formOf(event.target);
    if (!form) return;
    form.classList.add("open");
    // Another window lay beside this one, which was never hidden.
    if (event.target === box(form) && Date.now() - state(form).left > AWAY) catchUp(form);
  });
  document.addEventListener("focusout", (event) => {
    const form = formOf(event.target);
    if (form) state(form).left = Date.now();
    if (form) setTimeout(() => {
      if (isEmpty(form) && !form.matches(":focus-within, :hover") && !form.querySelector("[data-focus]")) form.classList.remove("open");
    }, 200);
  });

  // ── files: chosen, dropped, pasted ──
  function size(bytes) {
    const units = bytes < 1024 ? [bytes, "byte"] : bytes < 1048576 ? [bytes / 1024, "kilobyte"] : [bytes / 1048576, "megabyte"];
    return new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: units[1], unitDisplay: units[1] === "byte" ? "long" : "short", maximumFractionDigits: 1 }).format(units[0]);
  }
  function listOf(form) {
    const place = form.querySelector("[data-attach]");
    let list = place.querySelector("ul.chips");
    if (!list) {
      list = make("ul", { className: "chips" });
      list.setAttribute("aria-label", place.dataset.list);
      place.querySelector(".files-label").before(list);
    }
    return list;
  }
  function chipOf(form, name, bytes) {
    const chip = make("li", { className: "chip", tabIndex: 0 });
    chip.dataset.size = bytes;
    chip.dataset.name = name;
    chip.append(make("span", { className: "chip-name", textContent: name }), " ", make("span", { className: "chip-size", textContent: size(bytes) }));
    listOf(form).append(chip);
    return chip;
  }
  function button(chip, text, act) {
    const made = make("button", { type: "button", className: "chip-remove", textContent: text });
    made.setAttribute("aria-label", text + " " + chip.dataset.name);
    made.addEventListener("click", act);
    chip.append(made);
    return made;
  }
  const strip = (chip) => { for (const part of chip.querySelectorAll("button, progress, label, .chip-why")) part.remove(); };
  function drop(form, chip) {
    const next = chip.nextElementSibling || chip.previousElementSibling;
    if (chip.contains(document.activeElement)) (next || form.querySelector("input[type=file]")).focus();
    chip.remove();
    refresh(form);
    if (!listOf(form).children.length) listOf(form).remove();
  }
  // A file that is there: its token travels with the form.
  function settle(form, chip, id) {
    strip(chip);
    chip.classList.remove("chip-bad");
    chip.append(make("input", { type: "hidden", name: "uploaded", value: id }));
    button(chip, words(form).remove, () => takeBack(form, chip, id)).dataset.away = "";
  }
  const attach = (form, files) => { for (const file of files) settle(form, chipOf(form, file.name, file.size), file.id); };
  function fill(form, text, files) {
    box(form).value = text;
    for (const list of form.querySelectorAll("ul.chips")) list.remove();
    attach(form, files);
    refresh(form);
  }
  // What stands here is on the server as it stands, and which revision that is.
  function settled(form, revision) {
    clearTimeout(state(form).timer);
    state(form).saved = print(form);
    known(form, revision);
  }
  async function takeBack(form, chip, id) {
    const field = make("input", { type: "hidden", name: "remove", value: id });
    drop(form, chip);
    form.append(field);
    try {
      const body = new URLSearchParams({ submission: hidden(form, "submission").value, revision: hidden(form, "revision").value });
      const answer = await fetch(words(form).upload + id + "/remove/", { method: "POST", body, headers: headers(), redirect: "manual" });
      if (answer.status !== 200) return;
      field.remove();
      known(form, (await answer.json()).revision);
    } catch { /* it goes when the form is sent */ }
  }
  function refuse(form, chip, why, again) {
    strip(chip);
    chip.classList.add("chip-bad");
    const said = make("span", { className: "chip-why", textContent: why });
    said.setAttribute("role", "alert");
    chip.querySelector(".chip-name").after(" ", said);
    if (again) button(chip, words(form).again, again);
    button(chip, words(form).remove, () => drop(form, chip)).dataset.away = "";
    refresh(form);
  }
  function problem(form, file) {
    const good = [...form.querySelectorAll(".chip:not(.chip-bad)")], limits = words(form);
    const total = good.reduce((sum, chip) => sum + Number(chip.dataset.size), 0);
    if (!file.size) return limits.empty;
    if (file.size > limits.limit) return limits.tooLarge;
    if (total + file.size > limits.limitAll) return limits.tooMuch;
    return good.length >= limits.limitCount ? limits.tooMany : "";
  }
  const named = (text, file) => text.replace("{name}", file.name);
  function take(form, files) {
    for (const file of files) {
      const why = problem(form, file), chip = chipOf(form, file.name, file.size);
      if (why) refuse(form, chip, named(why, file));
      else enqueue(form, chip, file);
    }
    form.classList.add("open");
    refresh(form);
  }
  function enqueue(form, chip, file) {
    const now = state(form), job = { chip, file, xhr: null };
    strip(chip);
    chip.classList.remove("chip-bad");
    job.bar = make("progress", { max: 100, value: 0 });
    job.bar.setAttribute("aria-label", file.name);
    chip.append(job.bar);
    button(chip, words(form).cancel, () => { finish(form, job); if (job.xhr) job.xhr.abort(); drop(form, chip); }).dataset.away = "";
    now.uploads.add(job);
    now.queue.push(job);
    next(form);
  }
  function next(form) {
    const now = state(form);
    // What is added while a message is on its way belongs to the next one.
    if (now.sending) return;
    if ([...now.uploads].filter((job) => job.xhr).length >= AT_ONCE || !now.queue.length) return;
    upload(form, now.queue.shift());
    next(form);
  }
  function upload(form, job) {
    const xhr = (job.xhr = new XMLHttpRequest()), data = new FormData(), said = words(form);
    data.append("submission", hidden(form, "submission").value);
    data.append("revision", hidden(form, "revision").value);
    data.append("case", form.dataset.case || "");
    for (const field of form.querySelectorAll("input[type=hidden][name=remove]")) data.append("remove", field.value);
    data.append("file", job.file, job.file.name);
    // A whole bar would promise that the server has it.
    xhr.upload.addEventListener("progress", (event) => { if (event.lengthComputable) job.bar.value = Math.min(99, (100 * event.loaded) / event.total); });
    xhr.addEventListener("load", () => {
      const told = answered(xhr), again = () => enqueue(form, job.chip, job.file);
      if (xhr.status === 201 && told) {
        settle(form, job.chip, told.id);
        known(form, told.revision);
        tell(form, form.querySelector("[data-draft-word]").dataset.saved);
      } else if (xhr.status === 401) {
        saySignedOut();
        refuse(form, job.chip, named(said.signedOut, job.file), again);
      } else if (xhr.status === 413) refuse(form, job.chip, named(said.tooLarge, job.file));
      else if (xhr.status === 422 && told) refuse(form, job.chip, told.error);
      else refuse(form, job.chip, told && told.error ? told.error : named(said.failed, job.file), again);
      finish(form, job);
    });
    xhr.addEventListener("error", () => {
      refuse(form, job.chip, named(said.failed, job.file), () => enqueue(form, job.chip, job.file));
      finish(form, job);
    });
    xhr.open("POST", said.upload);
    for (const [name, value] of Object.entries(headers())) xhr.setRequestHeader(name, value);
    xhr.send(data);
  }
  function answered(xhr) {
    try { return JSON.parse(xhr.responseText); } catch { return null; }
  }
  function finish(form, job) {
    const now = state(form);
    now.uploads.delete(job);
    now.queue = now.queue.filter((other) => other !== job);
    refresh(form);
    next(form);
    if (!now.waiting || now.uploads.size) return;
    const { submitter } = now.waiting;
    const bad = form.querySelector(".chip-bad");
    now.waiting = null;
    form.querySelector("[data-upload-word]").textContent = "";
    // A message without a file that its writer meant to send is not sent by itself.
    if (bad) bad.focus();
    else form.requestSubmit(submitter);
  }
  document.addEventListener("change", (event) => {
    const form = event.target.matches("input[type=file][name=files]") && formOf(event.target);
    if (!form) return;
    const files = [...event.target.files];
    event.target.value = "";
    take(form, files);
  });
  function asScreenshot(form, file) {
    if (file.name && file.name !== "image.png") return file;
    const stamp = new Date(Date.now() - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 19).replace(/[T:]/g, "-");
    return new File([file], words(form).screenshot + "-" + stamp + "." + (file.type.split("/")[1] || "png"), { type: file.type });
  }
  document.addEventListener("paste", (event) => {
    const typing = event.target.closest && event.target.closest("input, textarea, [contenteditable], dialog");
    const form = (event.target.closest && formOf(event.target)) || (typing ? null : main());
    const data = event.clipboardData, files = data ? [...data.files] : [];
    // Words out of an office program bring a picture of themselves along.
    if (!form || !files.length || (data.types.includes("text/plain") && data.types.includes("text/html"))) return;
    event.preventDefault();
    take(form, files.map((file) => asScreenshot(form, file)));
  });
  let over = 0;
  const target = (event) => (event.dataTransfer && event.dataTransfer.types.includes("Files") ? formOf(event.target) || main() : null);
  document.addEventListener("dragover", (event) => {
    const form = target(event);
    if (!form) return;
    // Beside the form too: the browser would leave the page for the file.
    event.preventDefault();
    form.classList.add("dropping");
    clearTimeout(over);
    over = setTimeout(() => form.classList.remove("dropping"), 300);
  });
  document.addEventListener("drop", (event) => {
    const form = target(event);
    if (!form) return;
    event.preventDefault();
    form.classList.remove("dropping");
    const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
    const isFile = (item) => { const entry = item.webkitGetAsEntry && item.webkitGetAsEntry(); return !entry || entry.isFile; };
    take(form, items.filter(isFile).map((item) => item.getAsFile()).filter(Boolean));
  });
  document.addEventListener("keydown", (event) => {
    if (!event.target.matches(".chip") || !["Delete", "Backspace"].includes(event.key)) return;
    event.preventDefault();
    event.target.querySelector("[data-away]").click();
  });

  // ── sending ──
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.id === "discard-draft") {
      if (confirm(form.dataset.sure)) eachDraft((each) => { state(each).sending = {}; });
      else { event.preventDefault(); event.stopImmediatePropagation(); }
      return;
    }
    if (!form.querySelector("[data-attach]") || form.dataset.sent) return;
    const now = state(form);
    if (now.uploads.size || now.saving) {
      event.preventDefault();
      event.stopImmediatePropagation();
      if (now.waiting) return;
      now.waiting = { submitter: event.submitter };
      if (now.uploads.size) form.querySelector("[data-upload-word]").textContent = words(form).waiting;
      else afterSaving(form, event.submitter);
      return;
    }
    clearTimeout(now.timer);
    dismiss(form);
    now.sending = { text: box(form).value, chips: [...form.querySelectorAll(".chip")] };
    if (form.matches("[data-reply]") && window.htmx) setTimeout(showOwn, 0, form);
  }, true);
  // A saving that hangs does not hold up what it would have saved. The server ignores one that comes too late.
  function afterSaving(form, submitter) {
    const now = state(form), { stop } = now, buttons = [...form.querySelectorAll("button[data-sending]")];
    const over = setTimeout(() => stop.abort(), PATIENCE);
    const slow = setTimeout(() => {
      for (const button of buttons) [button.dataset.label, button.textContent] = [button.textContent, button.dataset.sending];
    }, SLOW);
    now.saving.finally(() => {
      clearTimeout(over);
      clearTimeout(slow);
      if (now.waiting && !now.uploads.size) { now.waiting = null; form.requestSubmit(submitter); }
      if (now.sending) return; // the form's own waiting goes on from here
      for (const button of buttons) {
        if (button.dataset.label) button.textContent = button.dataset.label;
        delete button.dataset.label;
      }
    });
  }
  const thread = () => document.getElementById("thread");
  // After the values were taken: the words move from the form into the thread.
  function showOwn(form) {
    const { sending } = state(form), names = sending ? sending.chips.filter((chip) => !chip.matches(".chip-bad")) : [];
    if (!sending || (!sending.text.trim() && !names.length)) return;
    sending.before = new Set([...thread().children].map((child) => child.id));
    const item = (sending.item = make("li", { className: "said said-customer mine-now" })), bubble = make("article", { className: "bubble" });
    const head = make("header", { className: "said-head" }), foot = make("footer", { className: "said-foot" });
    head.append(make("h2", { className: "said-name", textContent: form.dataset.you }));
    foot.append(make("span", { className: "state state-sending", textContent: form.dataset.onItsWay }));
    bubble.append(head, make("div", { className: "body own-words", textContent: sending.text.trim() }));
    if (names.length) {
      const files = make("ul", { className: "files" });
      files.append(...names.map((chip) => {
        const line = make("li", {});
        line.append(make("span", { className: "file-link file-off", textContent: chip.dataset.name }));
        return line;
      }));
      bubble.append(files);
    }
    bubble.append(foot);
    item.append(bubble);
    thread().append(item);
    item.scrollIntoView({ block: "nearest" });
    box(form).value = "";
    for (const chip of sending.chips) chip.remove();
    form.classList.add("on-its-way");
    refresh(form);
  }
  function giveBack(form) {
    const now = state(form), { sending } = now;
    form.classList.remove("on-its-way");
    now.sending = null;
    if (sending && sending.item) {
      box(form).value = [sending.text, box(form).value].filter((part) => part.trim()).join("\n\n");
      if (sending.chips.length) listOf(form).prepend(...sending.chips);
    }
    refresh(form);
    next(form);
    return sending;
  }
  function fail(form, why) {
    const failed = (state(form).failed = giveBack(form)), { item } = failed;
    if (item) {
      const line = make("p", { className: "state state-failed", textContent: why }), again = make("button", { type: "button", className: "button", textContent: form.dataset.again });
      line.setAttribute("role", "alert");
      again.addEventListener("click", () => form.requestSubmit());
      item.querySelector(".said-foot").replaceChildren(line, again);
      item.querySelector(".bubble").dataset.state = "failed";
    } else say(why);
    soon(form);
  }
  function dismiss(form) {
    const { failed } = state(form);
    if (failed && failed.item) failed.item.remove();
    state(form).failed = null;
  }
  // While it is on its way the page is not fetched: it might already hold these words and show them twice.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target === live() && document.querySelector("form.on-its-way")) event.preventDefault();
  });
  // The answer was lost and not the message: then it stands in the thread. Otherwise its failure stays there.
  document.addEventListener("cabinet:merged", () => eachDraft((form) => {
    const { failed } = state(form);
    if (!failed || !failed.item || !thread()) return;
    const said = [...thread().querySelectorAll("[data-author=customer] [data-body]")].filter((body) => !failed.before.has(body.closest("li").id));
    if (!said.some((body) => body.textContent.trim() === failed.text.trim())) return thread().append(failed.item);
    state(form).failed = null;
    if (box(form).value.trim() !== failed.text.trim()) return;
    box(form).value = "";
    for (const chip of failed.chips) chip.remove();
    refresh(form);
    save(form);
  }));
  let answer = {};
  document.addEventListener("htmx:beforeSwap", (event) => { answer = { elt: event.detail.requestConfig.elt, status: event.detail.xhr.status }; });
  // Sent: the form stays as it is, with whatever has been typed meanwhile, and begins anew.
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const form = event.detail.target.id === "composer" && event.detail.target.querySelector("form[data-reply]");
    const fresh = event.detail.fragment.querySelector("form[data-reply]");
    if (!form || !fresh || answer.elt !== form) return;
    const meanwhile = state(form).sending && state(form).sending.item ? box(form).value : "";
    box(fresh).value = [box(fresh).value, meanwhile].filter((part) => part.trim()).join("\n\n");
    if (answer.status !== 200) return;
    event.detail.shouldSwap = false;
    begin(form, fresh, meanwhile);
  });
  function begin(form, fresh, meanwhile) {
    const now = state(form), part = (of) => of.querySelector("#composer-state");
    for (const name of ["submission", "revision"]) hidden(form, name).value = hidden(fresh, name).value;
    part(form).replaceChildren(...part(fresh).childNodes);
    for (const trouble of form.querySelectorAll(".flash.error, .errorlist")) trouble.remove();
    form.querySelector(".field").classList.remove("field-bad");
    form.classList.remove("on-its-way");
    box(form).value = box(fresh).value;
    now.sending = null;
    now.saved = meanwhile ? "" : print(form);
    // What another device has typed or attached, and was not sent, is the draft from now on.
    for (const field of form.querySelectorAll("input[type=hidden][name=remove]")) field.remove();
    attach(form, [...fresh.querySelectorAll(".chip")].map((chip) => ({ name: chip.querySelector(".chip-name").textContent, size: Number(chip.dataset.size), id: chip.querySelector("[name=uploaded]").value })));
    form.querySelector("[data-aside]").replaceWith(fresh.querySelector("[data-aside]"));
    const revision = Number(hidden(fresh, "revision").value);
    known(form, revision);
    if (revision) tell(form, form.querySelector("[data-draft-word]").dataset.saved);
    refresh(form);
    soon(form);
    next(form);
  }
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target;
    if (!form.matches || !form.matches("form[data-reply]") || !state(form).sending) return;
    const status = event.detail.xhr ? event.detail.xhr.status : 0;
    if (status === 401 && !event.detail.xhr.getResponseHeader("X-Another-Person")) {
      // The server keeps it for this person, asks him to sign in, and leads back here.
      giveBack(form);
      state(form).sending = {};
      form.submit();
    } else if (status === 0 || (status >= 400 && status !== 422 && status !== 429)) fail(form, status ? form.dataset.refused : form.dataset.notSent);
  });

  function adopt() {
    for (const form of document.querySelectorAll("form:has([data-attach])")) {
      if (states.has(form)) continue;
      for (const chip of form.querySelectorAll(".chip")) {
        chip.tabIndex = 0;
        chip.dataset.name = chip.querySelector(".chip-name").textContent;
        const { value } = chip.querySelector("[name=uploaded]");
        chip.querySelector("[name=uploaded]").remove();
        settle(form, chip, value);
      }
      state(form).saved = print(form);
      refresh(form);
    }
  }
  // For a form that is sent in a way of its own (chat.js).
  window.cabinet.composer = { attach, fill, headers, isDirty, settled };
  document.addEventListener("htmx:afterSettle", adopt);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", adopt);
  else adopt();
})();
