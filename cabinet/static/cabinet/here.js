// Says once a minute that a page of a case is open, so that no letter tells of an answer that is in sight.
(() => {
  "use strict";
  const BEAT = 60000;
  const own = document.currentScript && document.currentScript.dataset.here;
  // In the chat the case changes when the next chat begins.
  const place = () => own || (document.getElementById("chat-state") || { dataset: {} }).dataset.here;
  let told = "", gone = false;
  async function say() {
    told = place();
    if (!told || gone) return;
    try {
      const answer = await fetch(told, {
        method: "POST", credentials: "same-origin", redirect: "manual",
        headers: { "HX-Request": "true", "X-CSRFToken": window.cabinet.cookie("csrftoken") },
      });
      // Signed out is not for ever: one may sign in again in another tab.
      if (answer.status === 404) gone = true;
    } catch { /* the next beat says it */ }
  }
  say();
  setInterval(say, BEAT);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) say(); });
  document.addEventListener("htmx:afterSettle", () => { if (place() !== told) say(); });
})();
