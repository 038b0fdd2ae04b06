// The results of a batch: arrow keys go over the grid, and no tile moves under a pointer.
(() => {
  const links = () => [...document.querySelectorAll(".shot .row-link")];

  document.addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    const shown = links();
    const now = shown.indexOf(document.activeElement);
    if (now < 0) return;
    const next = now + (event.key === "ArrowRight" ? 1 : -1);
    if (!shown[next]) return;
    shown[next].focus();
    event.preventDefault();
  });

  // the order changes once, when all are read: not while somebody is about to press a tile
  document.addEventListener("htmx:beforeSwap", (event) => {
    const grid = event.detail.target;
    if (grid.id !== "batch-grid") return;
    const reorders = !event.detail.serverResponse.includes(`data-order="${grid.dataset.order}"`);
    if (reorders && grid.querySelector(".shot:hover")) event.detail.shouldSwap = false;
  });
})();
