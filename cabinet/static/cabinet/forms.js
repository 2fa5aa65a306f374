// Forms that are pleasant: one click is one submission, what goes wrong keeps what was typed, files are chosen,
// dropped and pasted. Without it every form works by the browser alone.
(() => {
  "use strict";
  const { say, saySignedOut, notice, later } = window.cabinet;
  const root = document.documentElement, SLOW = 500, waits = new WeakMap();

  // ── forms: one click, one submission ──
  function hold(form) {
    form.dataset.sent = "yes";
    for (const button of form.querySelectorAll("button[type=submit]")) button.setAttribute("aria-disabled", "true");
    // A fast answer does not flash.
    waits.set(form, setTimeout(sayProgress, SLOW, form));
  }
  function sayProgress(form) {
    for (const button of form.querySelectorAll("button[type=submit][data-sending]")) {
      button.dataset.label = button.textContent;
      button.textContent = button.dataset.sending;
    }
  }
  function release(form) {
    delete form.dataset.sent;
    clearTimeout(waits.get(form));
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

  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("[data-send-once]")) release(form);
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
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
