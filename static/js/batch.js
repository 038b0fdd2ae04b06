// The results of a batch: arrow keys go over the grid, no tile moves under a pointer, and what is
// shown in which order stands in the address.
(() => {
  const links = () => [...document.querySelectorAll(".shot .row-link")].filter((link) => link.offsetParent);

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

  const shown = () => document.querySelector("[name=show]:checked").value.replace("all", "");
  const changed = (address, values) => {
    const url = new URL(address, location.href);
    for (const [name, value] of Object.entries(values)) {
      if (value) url.searchParams.set(name, value);
      else url.searchParams.delete(name);
    }
    return url.href;
  };

  // by Back, by a reload, and from a picture that was opened the same results are found again
  function keep() {
    const grid = document.getElementById("batch-grid");
    const show = shown();
    history.replaceState(history.state, "", changed(location.href, { show, sort: grid.dataset.sort }));
    for (const link of grid.querySelectorAll(".row-link, #sort-link")) link.href = changed(link.href, { show });
    for (const form of grid.querySelectorAll("form")) form.action = changed(form.action, { show });
  }
  document.addEventListener("change", (event) => {
    if (event.target.name === "show") keep();
  });
  // the browser's own place is one of pixels, and tiles that were never in view have no height yet
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".shot .row-link");
    if (!link) return;
    history.scrollRestoration = "manual";
    history.replaceState(history.state, "", `#${link.id}`);
  });
  if (location.hash.startsWith("#shot-")) document.getElementById(location.hash.slice(1))?.scrollIntoView();

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "batch-grid") keep();
  });
})();
