// The worklist: filters act at once, no row moves under a pointer or a finger, and who works by
// keyboard stays on the same row, or on the next one where it has gone.
(() => {
  const filters = document.querySelector("[data-filters]");
  if (filters) {
    filters.addEventListener("change", (event) => {
      if (event.target.type !== "date") filters.requestSubmit();
    });
  }
  const links = () => [...document.querySelectorAll("#worklist .row-link")];
  let place = -1;

  document.addEventListener("htmx:beforeSwap", (event) => {
    const list = event.detail.target;
    if (list.id !== "worklist") return;
    if (list.querySelector("tbody tr:hover")) event.detail.shouldSwap = false;
    place = links().indexOf(document.activeElement);
  });
  document.addEventListener("htmx:afterSettle", () => {
    // htmx has put the focus back where the row is still there
    if (place < 0 || document.activeElement !== document.body) return;
    const left = links();
    if (left.length) left[Math.min(place, left.length - 1)].focus();
    place = -1;
  });
})();
