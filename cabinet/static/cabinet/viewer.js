// Pictures open above the page: Escape closes, arrows turn, focus goes back to where it was. Without it each
// picture is a link to its file.
(() => {
  "use strict";
  const box = () => document.getElementById("viewer");
  const part = (name) => box().querySelector("[data-viewer-" + name + "]");
  let links = [], at = 0, opened = null;
  const inThread = () => [...document.querySelectorAll("#thread a[data-picture]")];

  function show(index) {
    at = (index + links.length) % links.length;
    const link = links[at], name = link.dataset.picture || link.dataset.shows;
    part("place").replaceChildren(Object.assign(new Image(), { alt: name, src: link.href }));
    part("name").textContent = links.length > 1 ? `${name} · ${at + 1}/${links.length}` : name;
    part("download").href = link.href;
    part("download").download = name;
  }
  function open(link) {
    links = inThread();
    opened = link;
    // From the list of files: its message may be one that the page leaves out.
    if (!links.some((other) => other.href === link.href)) links = [link];
    for (const turn of box().querySelectorAll("[data-viewer-turn]")) turn.hidden = links.length < 2;
    show(links.findIndex((other) => other === link || (link.dataset.shows && other.href === link.href)));
    box().showModal();
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-picture], a[data-shows]");
    if (link && box() && box().showModal && !(event.ctrlKey || event.metaKey || event.shiftKey || event.button)) {
      event.preventDefault();
      open(link);
    } else if (event.target.closest("[data-viewer-close]") || event.target.matches(".viewer, .viewer-stage, .viewer-place")) {
      box().close();
    } else if (event.target.closest("[data-viewer-turn]")) {
      show(at + Number(event.target.closest("[data-viewer-turn]").dataset.viewerTurn));
    }
  });
  document.addEventListener("keydown", (event) => {
    if (!box() || !box().open || links.length < 2) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) show(at + step);
  });
  document.addEventListener("error", (event) => {
    if (box() && part("place").contains(event.target)) part("name").textContent = box().dataset.failed;
  }, true);
  document.addEventListener("close", (event) => {
    if (event.target !== box()) return;
    part("place").replaceChildren();
    // The browser has given the focus back, and the reader may have moved on since: this event comes later.
    if (document.activeElement !== document.body) return;
    // The message may have been exchanged meanwhile, and the link with it.
    const back = opened.isConnected ? opened : inThread().find((link) => link.href === opened.href);
    if (back) back.focus();
  }, true);
})();
