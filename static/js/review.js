// The review form: "Agree" fills in the class of the AI, and typed text is not left by accident.
(() => {
  const form = document.querySelector("[data-review]");
  if (!form) return;
  let changed = false;

  // the answer may arrive after the page: htmx then replaces the button
  function offer() {
    const button = document.getElementById("agree");
    if (button) button.hidden = !button.dataset.agree;
  }

  form.addEventListener("click", (event) => {
    const button = event.target.closest("#agree");
    if (!button) return;
    const conclusion = form.elements.conclusion;
    conclusion.value = button.dataset.agree;
    changed = true;
    const management = form.querySelector("[name=management]:checked") || form.querySelector("[name=management]");
    management.focus();
  });
  form.addEventListener("input", () => (changed = true));
  let sent = false;
  form.addEventListener("submit", (event) => {
    // a second click must not sign a second time
    if (sent) event.preventDefault();
    sent = true;
    changed = false;
  });
  window.addEventListener("beforeunload", (event) => {
    if (changed) event.preventDefault();
  });
  document.addEventListener("htmx:oobAfterSwap", offer);
  offer();
  // a refused review is far down the page
  if (form.querySelector("[role=alert]")) form.scrollIntoView({ block: "end" });
})();
