// Keys for the whole application; none works while somebody types.
(() => {
  const dialog = document.getElementById("keys");
  const opener = document.querySelector("[data-open-keys]");

  function types(element) {
    const typed = "input:not([type=radio], [type=checkbox], [type=range]), select, textarea, [contenteditable]";
    return element.closest(typed);
  }

  // of the one picture, or of two that show the same part
  function zoom(name) {
    const pictures = document.querySelectorAll("[data-viewer]");
    const together = pictures.length === 1 || document.querySelectorAll("[data-compare]").length === 1;
    const button = together && pictures[0]?.querySelector(`[data-zoom=${name}]`);
    if (button) button.click();
    return Boolean(button);
  }

  function step(direction) {
    const links = [...document.querySelectorAll("main .row-link")];
    if (!links.length) return false;
    const now = links.indexOf(document.activeElement);
    if (now === -1 && document.activeElement !== document.body) return false;
    const next = links[Math.min(Math.max(now + direction, 0), links.length - 1)];
    next.focus();
    return true;
  }

  const actions = {
    "/": () => {
      const search = document.querySelector("[data-search]");
      if (search) search.select();
      return Boolean(search);
    },
    "?": () => (dialog.open ? dialog.close() : dialog.showModal(), true),
    c: () => {
      const form = document.getElementById("review");
      form?.closest("details")?.setAttribute("open", "");
      form?.elements.conclusion.focus();
      return Boolean(form);
    },
    s: () => {
      const form = document.getElementById("review");
      if (!form || form.closest("details:not([open])")) return false;
      // on a narrow screen the button comes with the form
      form.scrollIntoView({ block: "nearest" });
      form.querySelector(".review-bar").classList.remove("away", "at-first");
      form.elements.sign.focus();
      return true;
    },
    n: () => dialog.dataset.n && (location.href = dialog.dataset.n),
    r: () => {
      const next = document.querySelector("[data-next]");
      if (next) location.href = next.href;
      return Boolean(next);
    },
    w: () => dialog.dataset.w && (location.href = dialog.dataset.w),
    j: () => step(1),
    k: () => step(-1),
    "+": () => zoom("in"),
    "=": () => zoom("in"),
    "-": () => zoom("out"),
    0: () => zoom("fit"),
    1: () => zoom("one"),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (types(event.target)) return;
    const asked = document.querySelector("dialog[open]");
    if (asked && !(asked === dialog && event.key === "?")) return;
    const action = actions[event.key];
    if (action && action()) event.preventDefault();
  });

  if (opener) {
    opener.hidden = false;
    opener.addEventListener("click", () => dialog.showModal());
  }
})();
