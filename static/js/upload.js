// Many pictures: chosen, looked over, sent three at a time, each with a line of its own.
(() => {
  const AT_ONCE = 3;
  const form = document.getElementById("upload");
  const input = document.getElementById("id_files");
  const list = document.getElementById("files");
  const words = form.dataset;
  const button = form.querySelector(".action-bar .primary");
  const whole = form.querySelector(".action-bar progress");
  const results = document.getElementById("upload-results");
  const { filesOf, isPicture } = window.nevusDropped;
  const { headers, newKey, send, worthATry } = window.nevusSending;

  const entries = [];
  const leftOut = [];
  let sending = 0;
  let stopped = true;
  let tried = false;
  let address = words.address || "";
  let target = words.files || "";

  const megabytes = (bytes) => (bytes / 1048576).toFixed(1);
  const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const inState = (...states) => entries.filter((entry) => states.includes(entry.state));
  const total = (items, value) => items.reduce((sum, item) => sum + value(item), 0);
  const signature = (file) => `${file.name}|${file.size}|${file.lastModified}`;

  // choosing ---------------------------------------------------------------------------------------

  function add(files) {
    const limit = Number(input.dataset.maxBytes);
    for (const file of files) {
      if (!isPicture(file)) leave(file, words.noPicture);
      else if (file.size > limit) leave(file, say(words.tooLarge, { limit: Math.floor(limit / 1048576) }));
      else if (entries.some((entry) => signature(entry.file) === signature(file))) leave(file, words.twice);
      else if (entries.length >= Number(words.most)) leave(file, words.tooMany);
      else entries.push(entryOf(file));
    }
    showLeftOut();
    showAll();
    if (!stopped) fill();
  }

  function leave(file, why) {
    leftOut.push(`${file.webkitRelativePath || file.name}: ${why}`);
  }

  function showLeftOut() {
    const box = document.getElementById("left-out");
    box.hidden = !leftOut.length;
    box.querySelector("summary").textContent = `${words.skipped}: ${leftOut.length}`;
    box.querySelector("ul").replaceChildren(
      ...leftOut.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
    );
  }

  function entryOf(file) {
    const tile = document.getElementById("file-tile").content.firstElementChild.cloneNode(true);
    const entry = { file, tile, key: newKey(), state: "waiting", sent: 0 };
    const image = tile.querySelector("img");
    entry.preview = URL.createObjectURL(file);
    // a browser that cannot show TIFF still sends it
    image.onerror = () => image.remove();
    image.src = entry.preview;
    tile.querySelector(".file-name").textContent = file.name;
    const kilobytes = `${Math.ceil(file.size / 1024)} kB`;
    tile.querySelector(".file-size").textContent = file.size < 104858 ? kilobytes : `${megabytes(file.size)} MB`;
    tile.querySelector("progress").setAttribute("aria-label", file.name);
    label(tile.querySelector("[data-remove]"), words.remove, file, () => remove(entry));
    label(tile.querySelector("[data-repeat]"), words.repeat, file, () => repeat(entry));
    list.append(tile);
    show(entry, "waiting", words.waiting);
    return entry;
  }

  function label(control, text, file, action) {
    control.setAttribute("aria-label", say(text, { name: file.name }));
    control.addEventListener("click", action);
  }

  function remove(entry) {
    const next = entry.tile.nextElementSibling || entry.tile.previousElementSibling;
    URL.revokeObjectURL(entry.preview);
    entries.splice(entries.indexOf(entry), 1);
    entry.tile.remove();
    (next?.querySelector("button:not([hidden])") || input).focus();
    showAll();
  }

  function repeat(entry) {
    show(entry, "waiting", words.waiting);
    if (target) run();
    else form.requestSubmit();
  }

  // showing ----------------------------------------------------------------------------------------

  function show(entry, state, text) {
    entry.state = state;
    entry.tile.dataset.state = state;
    entry.tile.querySelector(".file-state").textContent = text;
    entry.tile.querySelector("[data-remove]").hidden = !["waiting", "refused", "failed"].includes(state);
    // the same bytes would be refused again
    entry.tile.querySelector("[data-repeat]").hidden = state !== "failed";
    showSent(entry, state === "stored" ? entry.file.size : state === "waiting" ? 0 : entry.sent);
  }

  function showSent(entry, bytes) {
    entry.sent = bytes;
    entry.tile.querySelector("progress").value = entry.file.size ? bytes / entry.file.size : 0;
    const size = total(entries, (item) => item.file.size);
    whole.value = size ? total(entries, (item) => item.sent) / size : 0;
  }

  function showAll() {
    const size = megabytes(total(entries, (item) => item.file.size));
    const values = { done: inState("stored").length, total: entries.length, size };
    const parts = [say(tried ? words.summary : words.chosen, values)];
    const broken = inState("retrying").length;
    const refused = inState("refused", "failed");
    if (broken) parts.push(say(words.retrying, { n: broken }));
    if (refused.length) {
      const names = refused.slice(0, 3).map((entry) => entry.file.name);
      if (refused.length > names.length) names.push("…");
      parts.push(say(words.refusedCount, { n: refused.length, names: names.join(", ") }));
    }
    document.getElementById("upload-summary").textContent = entries.length ? parts.join(" · ") : "";
    whole.hidden = !tried;
    button.disabled = !stopped;
    const press = tried ? button.dataset.later : button.dataset.first;
    button.textContent = stopped ? press : words.sending;
    results.hidden = !(address && tried && stopped);
    // nothing that is here could still be sent: the way goes on to the results
    button.hidden = !results.hidden && !inState("waiting", "failed").length;
    results.classList.toggle("primary", button.hidden);
    results.href = address;
  }

  function complain(text) {
    const notice = Object.assign(document.createElement("div"), { className: "notice danger", textContent: text });
    notice.setAttribute("role", "alert");
    tell(notice);
  }

  function tell(notice) {
    const box = document.getElementById("upload-problem");
    box.replaceChildren(notice);
    box.scrollIntoView({ block: "center" });
  }

  // sending ----------------------------------------------------------------------------------------

  async function submit(event) {
    event.preventDefault();
    document.getElementById("upload-problem").replaceChildren();
    for (const entry of inState("failed")) show(entry, "waiting", words.waiting);
    if (!inState("waiting").length) return missing();
    button.disabled = true;
    if (target || (await begin())) return run();
    button.disabled = false;
  }

  // without a number too: both are said, and nothing begins
  async function missing() {
    const number = document.getElementById("id_medical_record_number");
    if (number && !number.value.trim()) await begin();
    complain(words.none);
  }

  // the batch is begun once, by the identifier in the form; then the address is that of this batch
  async function begin() {
    const body = new FormData(form);
    body.delete("files");
    let response;
    try {
      response = await fetch(form.action, { method: "POST", body, headers: headers() });
    } catch {
      return complain(words.lost);
    }
    if (response.status === 401 || response.status === 403) return tell(window.nevusSignedOut());
    if (response.status === 201) return begun(await response.json());
    if (response.status !== 400 && response.status !== 409) return complain(words.lost);
    return correct(await response.text());
  }

  function begun(batch) {
    address = batch.address;
    target = batch.files;
    history.replaceState(null, "", batch.more);
    document.getElementById("upload-fields").inert = true;
    return true;
  }

  function correct(html) {
    const fields = document.getElementById("upload-fields");
    const drawn = new DOMParser().parseFromString(html, "text/html").getElementById("upload-fields");
    if (!drawn) return complain(words.lost);
    fields.replaceWith(drawn);
    window.htmx.process(drawn);
    (drawn.querySelector("[aria-invalid=true]") || drawn.querySelector("input:not([type=hidden])")).focus();
    return false;
  }

  function run() {
    stopped = false;
    tried = true;
    showAll();
    fill();
  }

  function fill() {
    while (!stopped && sending < AT_ONCE && inState("waiting").length) sendOne(inState("waiting")[0]);
    if (!sending) finish();
  }

  async function sendOne(entry) {
    sending += 1;
    show(entry, "sending", words.sending);
    const answer = await send(target, entry.file, entry.key, {
      onProgress: (bytes) => {
        show(entry, "sending", bytes < entry.file.size ? words.sending : words.checking);
        showSent(entry, bytes);
      },
      onBreak: (percent, seconds) => {
        show(entry, "retrying", say(words.again, { percent, seconds }));
        showAll();
      },
    });
    sending -= 1;
    take(entry, answer);
    showAll();
    fill();
  }

  function take(entry, answer) {
    if (answer.status === 201 && answer.body?.stored) {
      // a warning is a sentence with its full stop
      const warnings = answer.body.warnings.join(" ");
      entry.known = answer.body.known;
      show(entry, "stored", warnings ? `${words.stored}. ${warnings}` : words.stored);
      entry.tile.classList.toggle("warned", answer.body.warnings.length > 0);
    } else if (answer.status === 401 || (answer.status === 403 && !answer.body)) {
      stopped = true;
      show(entry, "waiting", words.waiting);
      tell(window.nevusSignedOut());
    } else if (answer.body?.message && !worthATry(answer)) {
      entry.sent = 0;
      show(entry, "refused", answer.body.message);
    } else {
      entry.sent = 0;
      show(entry, "failed", words.givenUp);
    }
  }

  function finish() {
    stopped = true;
    showAll();
    const whatIsLeft = inState("waiting", "failed", "refused");
    // what needs a look stands before what is done
    const focused = document.activeElement;
    document.getElementById("files").prepend(...whatIsLeft.map((entry) => entry.tile));
    // what is moved loses the focus
    if (focused !== document.activeElement) focused.focus({ preventScroll: true });
    if (!whatIsLeft.length) {
      document.getElementById("upload-summary").textContent = words.done;
      const known = entries.filter((entry) => entry.known).length;
      location.assign(known ? `${address}?known=${known}` : address);
    }
  }

  // what the page listens to -----------------------------------------------------------------------

  form.addEventListener("submit", submit);
  form.addEventListener("change", (event) => {
    if (event.target !== input && !event.target.matches("[data-add]")) return;
    add(event.target.files);
    event.target.value = "";
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      form.querySelector(".drop").classList.toggle("over", name === "dragover");
      if (name === "drop") filesOf(event.dataTransfer).then(add);
    });
  }
  window.addEventListener("beforeunload", (event) => {
    if (inState("sending", "retrying").length) event.preventDefault();
  });
  for (const part of form.querySelectorAll("[data-script]")) part.hidden = false;
  form.classList.add("scripted");
  // chosen before this script was there
  add(input.files);
  input.value = "";
})();
