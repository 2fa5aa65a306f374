// Forms that are pleasant: one click is one submission, and what goes wrong keeps what was typed. What is special
// about the composer is in composer.js. Without it every form works by the browser alone.
(() => {
  "use strict";
  const { cookie, say, saySignedOut, notice, later } = window.cabinet;
  const SLOW = 500, waits = new WeakMap();

  // ── forms: one click, one submission ──
  function hold(form) {
    form.dataset.sent = "yes";
    for (const button of form.querySelectorAll("button[type=submit]")) button.setAttribute("aria-disabled", "true");
    // A fast answer does not flash.
    waits.set(form, setTimeout(sayProgress, SLOW, form));
  }
  function sayProgress(form) {
    for (const button of form.querySelectorAll("button[type=submit][data-sending]")) {
      button.dataset.label = button.dataset.label || button.textContent;
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
  // Who signs out leaves nothing unsaid of the chat in this browser, which keeps it until then (chat.js).
  document.addEventListener("submit", (event) => {
    if (!event.target.matches(".sign-out")) return;
    try {
      for (const name of Object.keys(localStorage)) if (name.startsWith("cabinet-chat/")) localStorage.removeItem(name);
    } catch { /* nothing is kept here */ }
  });
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
    const token = cookie("csrftoken"), { person } = document.body.dataset;
    if (token && event.detail.verb === "post") event.detail.parameters.csrfmiddlewaretoken = token;
    // And signing in as somebody else makes this page nobody's.
    if (person) event.detail.headers["X-Person"] = person;
  });
  document.addEventListener("htmx:beforeRequest", () => { notice().hidden = true; });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest && event.target.closest("form");
    if (form) release(form);
    if (event.detail.requestConfig && event.detail.requestConfig.verb === "get") return;
    const status = event.detail.xhr ? event.detail.xhr.status : 0;
    if (status === 401) saySignedOut();
    else if (form && form.matches("[data-reply]")) return later(300); // its own words in the thread say it
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

  // ── the fields of a topic, asked for anew while somebody types in them: what stands there now counts ──
  const TICKED = ":is([type=checkbox], [type=radio])";
  let typed = null;
  const fieldsIn = (block) => [...block.querySelectorAll("input:not([type=hidden]), select, textarea")];
  // Of several boxes of one name each is told by its value, and holds whether it is ticked.
  const nameOf = (field) => field.name + (field.matches(TICKED) ? field.value : "");
  const heldBy = (field) => (field.matches(TICKED) ? "checked" : "value");
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target } = event.detail, here = document.activeElement;
    if (target.id !== "topic-fields") return;
    const caret = here.matches("input, textarea") && target.contains(here) ? [here.selectionStart, here.selectionEnd] : null;
    typed = { caret, values: new Map(fieldsIn(target).map((field) => [nameOf(field), field[heldBy(field)]])) };
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const block = document.getElementById("topic-fields");
    if (!typed || event.detail.target.id !== "topic-fields" || !block) return;
    for (const field of fieldsIn(block)) {
      const value = typed.values.get(nameOf(field)), held = heldBy(field);
      if (value === undefined || (field.matches("select") && ![...field.options].some((each) => each.value === value))) continue;
      if (field[held] !== value) field[held] = value;
    }
    const now = document.activeElement;
    if (typed.caret && typed.caret[0] !== null && block.contains(now) && now.setSelectionRange) now.setSelectionRange(...typed.caret);
    typed = null;
  });

  const begin = () => {
    const trouble = document.querySelector("[data-focus]");
    if (trouble) trouble.focus();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
