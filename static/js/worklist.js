// The worklist: filters act at once, and no row moves under a pointer or a finger.
(() => {
  const filters = document.querySelector("[data-filters]");
  if (filters) {
    filters.addEventListener("change", (event) => {
      if (event.target.type !== "date") filters.requestSubmit();
    });
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    const list = event.detail.target;
    if (list.id !== "worklist") return;
    const held = list.querySelector("tbody tr:hover") || list.contains(document.activeElement);
    if (held) event.detail.shouldSwap = false;
  });
})();
