// A field that the browser cannot read, such as a date of which the month is missing, is sent empty.
// Our forms leave checking to the server, which would then take it for empty: say it here instead.
(() => {
  document.addEventListener(
    "submit",
    (event) => {
      const unread = [...event.target.elements].find((field) => field.validity && field.validity.badInput);
      if (!unread) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      unread.reportValidity();
    },
    true,
  );
})();

// A form that came back with errors: the first wrong control, or else what is wrong with the whole
// form, takes the focus and stands in the middle of the screen with its label and its error.
(() => {
  const CONTROLS = "input:enabled:not([type=hidden], [type=image]), select:enabled, textarea:enabled";

  function focusWrong(form) {
    const seen = [...form.querySelectorAll(".wrong")].filter((part) => part.checkVisibility());
    const parts = [...seen, ...form.querySelectorAll(".notice[role=alert]")];
    const target = parts[0]?.querySelector("input:checked") || parts[0]?.querySelector(CONTROLS) || parts[0];
    if (!target) return;
    target.focus({ preventScroll: true });
    parts[0].scrollIntoView({ block: "center" });
  }

  for (const form of document.querySelectorAll("main form")) focusWrong(form);
  // what htmx swapped in for a form that it had sent, not for a part of one
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.requestConfig?.elt.matches("form") && event.target.matches("form")) focusWrong(event.target);
  });
})();

// The page that answers a form is come back to, or loaded anew, as the page of the form: the browser
// would ask whether to send it once more.
// A search is found again: the words stay with this entry of the tab's history, never in an address.
(() => {
  const page = document.documentElement.dataset.formPage;
  const search = document.querySelector("form[data-again]");
  if (page !== undefined) history.replaceState(search && { search: search.q.value }, "", page || location.href);
  else if (search && history.state?.search) {
    search.q.value = history.state.search;
    search.requestSubmit();
  }
})();

// A second press while the first is on its way would record it twice. What htmx sends waits by itself;
// after a while the line is taken for broken, and the press counts again.
(() => {
  const PATIENCE = 10000;
  let sent = new WeakMap();

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (event.timeStamp - sent.get(form) < PATIENCE) event.preventDefault();
    else sent.set(form, event.timeStamp);
  });
  // come back to by the button of the browser
  window.addEventListener("pageshow", () => (sent = new WeakMap()));
})();

// Enter in the number looks the patient up, as a scanner that ends with it means to; it sends nothing.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target.id !== "id_medical_record_number" || !event.target.hasAttribute("hx-post")) return;
  event.preventDefault();
  event.target.blur();
});

// What is entered while a known patient is looked for stays: the answer has only what was sent.
(() => {
  const PANEL = "patient-panel";
  let sent = null;
  let entered = [];

  const controls = () => [...(document.getElementById(PANEL)?.querySelectorAll("input, select, textarea") ?? [])];
  const values = () =>
    new Map(controls().filter(({ type, checked }) => type !== "radio" || checked).map(({ name, value }) => [name, value]));

  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    if (detail.target.id === PANEL) sent = values();
  });
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (sent && detail.target.id === PANEL) entered = [...values()].filter(([name, value]) => sent.get(name) !== value);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const [name, value] of entered) {
      for (const control of controls().filter((found) => found.name === name)) {
        if (control.type === "radio") control.checked = control.value === value;
        else control.value = value;
      }
    }
    entered = [];
  });
})();

// What was kept goes back into its form without a press, which stores nothing.
document.querySelector("button[data-now]")?.click();
