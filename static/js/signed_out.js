// The session ended while a part of the page waits for an answer: the browser is to load the page
// again, which leads to the sign-in. Not while something is typed: then say so, and ask no more until
// somebody comes back to this tab.
(() => {
  let ended = false;

  function touched(control) {
    if (control.validity?.badInput) return true;
    if (control.type === "checkbox" || control.type === "radio") return control.checked !== control.defaultChecked;
    if (control.type === "file") return control.files.length > 0;
    if (control.type === "select-one") {
      const preset = [...control.options].findLast((option) => option.defaultSelected) || control.options[0];
      return control.selectedOptions[0] !== preset;
    }
    return "defaultValue" in control && control.value !== control.defaultValue;
  }

  // a form that came back with errors holds what was typed, though it was drawn so
  const holdsTyped = (form) => form.querySelector("[role=alert]") || [...form.elements].some(touched);

  function told() {
    const words = document.getElementById("signed-out").content.firstElementChild.cloneNode(true);
    words.setAttribute("role", "alert");
    return words;
  }

  const notice = () => document.querySelector("main > .signed-out");

  function tell() {
    ended = true;
    if (notice()) return;
    document.querySelector("main").append(told());
  }

  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const answer = event.detail.xhr;
    if (answer.status === 401 && answer.getResponseHeader("HX-Refresh") && [...document.forms].some(holdsTyped)) {
      event.preventDefault();
      tell();
    } else if (answer.status < 400) notice()?.remove();
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (ended && event.detail.requestConfig.verb === "get") event.preventDefault();
  });
  window.addEventListener("focus", () => (ended = false));
  // for forms that a script sends, each in its own place
  window.nevusSignedOut = told;
})();
