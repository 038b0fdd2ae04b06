// The theme follows the system until somebody chooses. Runs before the page is drawn.
(() => {
  const KEY = "nevus-theme";
  const ORDER = ["system", "light", "dark"];

  function stored() {
    try {
      return localStorage.getItem(KEY) || "system";
    } catch {
      return "system";
    }
  }

  function apply(theme) {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }

  function name(button, theme) {
    button.title = button.dataset[theme];
    button.setAttribute("aria-label", button.dataset[theme]);
  }

  apply(stored());
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-switch]");
    if (!button) return;
    button.hidden = false;
    name(button, stored());
    button.addEventListener("click", () => {
      const theme = ORDER[(ORDER.indexOf(stored()) + 1) % ORDER.length];
      try {
        localStorage.setItem(KEY, theme);
      } catch {
        // a browser that keeps nothing: the choice lasts for this page
      }
      apply(theme);
      name(button, theme);
    });
  });
})();
