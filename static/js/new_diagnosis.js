// New diagnosis: preview and size of the picture, fields that do not apply, progress of the upload.
(() => {
  const FEW_PIXELS = 200;
  let preview = null;

  const form = () => document.getElementById("new-diagnosis");
  const megabytes = (bytes) =>
    bytes < 104858 ? `${Math.ceil(bytes / 1024)} kB` : `${(bytes / 1048576).toFixed(1)} MB`;

  function showFile() {
    const input = document.getElementById("id_file");
    const label = form().querySelector(".upload");
    const image = label.querySelector(".upload-preview");
    const facts = document.getElementById("file-facts");
    const file = input.files[0];
    if (preview) URL.revokeObjectURL(preview);
    preview = file ? URL.createObjectURL(file) : null;
    facts.textContent = file ? `${file.name}, ${megabytes(file.size)}` : "";
    label.classList.toggle("filled", Boolean(file));
    image.hidden = !file;
    showChosen(file && preview);
    if (!file) return image.removeAttribute("src");
    if (file.size > Number(input.dataset.maxBytes)) {
      facts.textContent = `${facts.dataset.tooLarge} ${file.name}, ${megabytes(file.size)}`;
    }
    image.onload = () => describe(facts, file, image);
    // a browser that cannot show TIFF still sends it
    image.onerror = () => {
      showChosen(null);
      image.hidden = true;
      label.classList.remove("filled");
    };
    image.src = preview;
  }

  // in the bar, which is in sight where the picture is not, in the place of the camera
  function showChosen(address) {
    const bar = form().querySelector(".action-bar");
    const chosen = bar.querySelector(".chosen");
    chosen.hidden = !address;
    bar.querySelector("[data-camera]").hidden = Boolean(address);
    if (address) chosen.firstElementChild.src = address;
    else chosen.firstElementChild.removeAttribute("src");
  }

  function describe(facts, file, image) {
    const few = Math.min(image.naturalWidth, image.naturalHeight) < FEW_PIXELS;
    const size = `${image.naturalWidth} × ${image.naturalHeight}`;
    facts.textContent = `${few ? `${facts.dataset.small} ` : ""}${facts.textContent}, ${size}`;
  }

  // only what applies can be filled in
  function apply() {
    const lesion = document.getElementById("id_lesion");
    toggle("[data-new-lesion]", !lesion || !lesion.value);
    const kind = form().querySelector("[name=image_type]:checked");
    toggle("[data-dermoscopy]", !kind || kind.value === "dermoscopic");
  }

  function toggle(selector, shown) {
    const part = form().querySelector(selector);
    part.hidden = !shown;
    for (const control of part.querySelectorAll("input, select")) control.disabled = !shown;
  }

  function busy(sending) {
    const button = form().querySelector(".action-bar .primary");
    const bar = form().querySelector(".upload-progress");
    button.disabled = sending;
    bar.hidden = !sending;
    bar.value = 0;
  }

  function noticeOf(text) {
    const notice = document.createElement("div");
    notice.className = "notice danger";
    notice.setAttribute("role", "alert");
    notice.textContent = text;
    return notice;
  }

  function complain(notice) {
    document.getElementById("form-problem").replaceChildren(notice);
    busy(false);
    window.scrollTo(0, 0);
  }

  const isForm = (event) => event.detail.elt === form();

  // the camera of a phone; what it took is the chosen file
  function showCamera() {
    for (const camera of form().querySelectorAll("[data-camera]")) {
      camera.hidden = camera.closest(".action-bar")?.querySelector(".chosen").hidden === false;
    }
  }

  document.addEventListener("change", (event) => {
    if (event.target.id === "id_camera" && event.target.files.length) {
      document.getElementById("id_file").files = event.target.files;
      takeFile();
    }
    if (event.target.id === "id_file") takeFile();
    apply();
  });
  document.addEventListener("htmx:beforeRequest", (event) => isForm(event) && busy(true));
  document.addEventListener("htmx:xhr:progress", (event) => {
    if (!isForm(event) || !event.detail.lengthComputable) return;
    form().querySelector(".upload-progress").value = (100 * event.detail.loaded) / event.detail.total;
  });
  document.addEventListener("htmx:sendError", (event) => isForm(event) && complain(noticeOf(form().dataset.lost)));
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) complain(window.nevusSignedOut());
    else if (isForm(event)) complain(noticeOf(form().dataset.refused));
  });
  // signing in elsewhere changes the token that this page was drawn with
  document.addEventListener("htmx:configRequest", (event) => {
    const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
    if (token && event.detail.parameters.csrfmiddlewaretoken) {
      event.detail.parameters.csrfmiddlewaretoken = token[1];
    }
  });
  // the control of the file outlives the swap, with what the form before said of it
  function markFile() {
    const input = document.getElementById("id_file");
    const wrong = document.getElementById("id_file_error");
    input.setAttribute("aria-invalid", String(Boolean(wrong)));
    input.setAttribute("aria-describedby", wrong ? `${wrong.id} file-facts` : "file-facts");
  }

  // another one: what was said of the last is no longer true
  function takeFile() {
    document.getElementById("id_file_error")?.remove();
    document.getElementById("id_file").closest(".field").classList.remove("wrong");
    markFile();
    showFile();
  }

  document.addEventListener("htmx:afterSettle", () => {
    markFile();
    showCamera();
    if (document.getElementById("id_file").files.length && !form().querySelector(".upload.filled")) showFile();
    apply();
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      const label = event.target.closest?.(".upload");
      if (!label) return;
      event.preventDefault();
      label.classList.toggle("over", name === "dragover");
      if (name !== "drop" || !event.dataTransfer.files.length) return;
      document.getElementById("id_file").files = event.dataTransfer.files;
      takeFile();
    });
  }
  apply();
  showCamera();
})();
