// The review form: "Agree" fills in the class of the AI, and typed text is not left by accident.
(() => {
  const form = document.querySelector("[data-review]");
  if (!form) return;
  // what came back with an error is not saved yet
  let changed = form.querySelector(".wrong, .notice[role=alert]") !== null;

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
  // a recall in so many months from today, on the same day or the last one of a shorter month
  const recall = form.querySelector("[data-recall] .months");
  recall.hidden = false;
  recall.addEventListener("click", (event) => {
    const button = event.target.closest("[data-months]");
    if (!button) return;
    const today = new Date();
    const day = new Date(Date.UTC(today.getFullYear(), today.getMonth() + Number(button.dataset.months), 1));
    const last = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 0)).getUTCDate();
    day.setUTCDate(Math.min(today.getDate(), last));
    form.elements.recall_on.value = day.toISOString().slice(0, 10);
    changed = true;
  });

  // without a step of the history: Back leads to where one came from
  form.querySelector(".review-bar a").addEventListener("click", (event) => {
    event.preventDefault();
    form.scrollIntoView();
    form.focus({ preventScroll: true });
  });

  form.addEventListener("input", () => (changed = true));
  form.addEventListener("submit", () => (changed = false));
  window.addEventListener("beforeunload", (event) => {
    if (changed) event.preventDefault();
  });
  document.addEventListener("htmx:oobAfterSwap", offer);
  offer();
  // on a narrow screen the bar at the bottom leads to the form until enough of it is in view
  const bar = form.querySelector(".review-bar");
  const ENOUGH = 160;
  // as it is now: what the observer saw may be over already
  function look() {
    const { top, bottom } = form.getBoundingClientRect();
    bar.classList.toggle("away", bottom <= 0 || top >= window.innerHeight - ENOUGH);
    bar.classList.remove("at-first");
  }
  new IntersectionObserver(look, { rootMargin: `0px 0px -${ENOUGH}px` }).observe(form);
})();
