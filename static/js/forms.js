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

// What was kept goes back into its form without a press, which stores nothing.
document.querySelector("button[data-now]")?.click();
