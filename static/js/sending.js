// One file over a bad line: sent again until the server has it, always with the same key, so that it
// is stored once however often it arrives.
(() => {
  const MOST_TRIES = 8;
  const LONGEST_WAIT = 30;
  // a line that moves nothing for so long is taken for broken
  const SILENT_MS = 60000;
  const WORTH_A_TRY = new Set([0, 408, 425, 429, 500, 502, 503, 504]);

  function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function csrfToken() {
    const found = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
    return found ? found[1] : "";
  }

  // signing in elsewhere changes the token: it is read for each request
  const headers = () => ({ "HX-Request": "true", "X-CSRFToken": csrfToken() });

  function post(address, file, key, onProgress) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      const body = new FormData();
      body.append("file", file, file.name);
      let timer = 0;
      const watch = () => {
        clearTimeout(timer);
        timer = setTimeout(() => request.abort(), SILENT_MS);
      };
      request.open("POST", address);
      for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
      request.setRequestHeader("Idempotency-Key", key);
      request.upload.onprogress = (event) => {
        watch();
        onProgress(Math.min(event.loaded, file.size));
      };
      request.onloadend = () => {
        clearTimeout(timer);
        resolve(answerOf(request));
      };
      watch();
      request.send(body);
    });
  }

  function answerOf(request) {
    let body = null;
    try {
      body = JSON.parse(request.responseText);
    } catch {
      // a proxy or the sign-in answered, not our view
    }
    return { status: request.status, body, after: Number(request.getResponseHeader("Retry-After")) };
  }

  const worthATry = (answer) =>
    WORTH_A_TRY.has(answer.status) || answer.body?.code === "idempotency_in_progress";

  // until the time is over, or the browser is told that the network is back
  function pause(seconds) {
    return new Promise((resolve) => {
      const over = () => {
        clearTimeout(timer);
        window.removeEventListener("online", over);
        resolve();
      };
      const timer = setTimeout(over, 1000 * seconds);
      window.addEventListener("online", over);
    });
  }

  // onBreak tells how far it came, and in how many seconds it is tried again
  async function send(address, file, key, { onProgress, onBreak }) {
    let reached = 0;
    for (let tried = 1; ; tried += 1) {
      const answer = await post(address, file, key, (bytes) => {
        reached = bytes;
        onProgress(bytes);
      });
      if (!worthATry(answer) || tried === MOST_TRIES) return answer;
      const wait = answer.after || Math.min(2 ** (tried - 1), LONGEST_WAIT);
      onBreak(file.size ? Math.round((100 * reached) / file.size) : 0, wait);
      await pause(wait * (0.8 + 0.4 * Math.random()));
    }
  }

  window.nevusSending = { headers, newKey, send, worthATry };
})();
