// Keys for people who read much: j and k, r, /, and ? which explains them. Each can be switched off, because
// speech input and a slipped finger press single keys too; the switch is this browser's.
(() => {
  "use strict";
  const OFF = "cabinet-keys-off";
  const help = () => document.getElementById("keys");
  const isOff = () => { try { return localStorage.getItem(OFF) === "1"; } catch { return false; } };
  function set(on) {
    try { if (on) localStorage.removeItem(OFF); else localStorage.setItem(OFF, "1"); } catch { /* nothing is kept here */ }
  }
  function openHelp() {
    help().querySelector("[data-keys-on]").checked = !isOff();
    help().showModal();
  }
  function step(by) {
    const all = [...document.querySelectorAll("#thread article[data-message], #case-list .row-link")];
    if (!all.length) return;
    const here = document.activeElement && document.activeElement.closest("article[data-message], .row-link");
    // Nothing chosen yet: begin at the first that is on the screen.
    const shown = Math.max(all.findIndex((each) => each.getBoundingClientRect().bottom > 0), 0);
    const next = here ? all.indexOf(here) + by : shown;
    const wanted = all[Math.min(Math.max(next, 0), all.length - 1)];
    if (wanted.matches("article")) window.cabinet.focusQuietly(wanted, true);
    else wanted.focus({ preventScroll: true });
    wanted.scrollIntoView({ block: "nearest" });
  }
  function search() {
    const field = document.getElementById("id_q");
    if (field) field.focus();
    else location.assign(help().dataset.list + "#id_q");
  }
  const actions = {
    j: () => step(1),
    k: () => step(-1),
    r: () => { const box = document.querySelector("#composer textarea:not([readonly])"); if (box) box.focus(); return box; },
    "/": search,
    "?": openHelp,
  };
  // With a Russian layout the same keys write other letters: there the place of the key counts.
  const PLACES = { KeyJ: "j", KeyK: "k", KeyR: "r", Slash: "/" };
  function meant(event) {
    if (Object.hasOwn(actions, event.key)) return event.key;
    if (!/^[\u0400-\u04ff.,]$/.test(event.key)) return "";
    return event.code === "Slash" && event.shiftKey ? "?" : PLACES[event.code] || "";
  }
  document.addEventListener("keydown", (event) => {
    if (!help() || isOff() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
    const act = actions[meant(event)];
    if (!act || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    act();
  });
  document.addEventListener("click", (event) => { if (event.target.closest("[data-keys-open]")) openHelp(); });
  document.addEventListener("change", (event) => { if (event.target.matches("[data-keys-on]")) set(event.target.checked); });
  const begin = () => { if (location.hash === "#id_q" && document.getElementById("id_q")) document.getElementById("id_q").focus(); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
