// The picture viewer: zoom and pan with buttons, wheel, fingers and keys. Scale 1 is one pixel of the
// picture on one pixel of the page. Two viewers in one [data-compare] show the same part of their
// pictures: side by side, or one over the other with a slider between them.
(() => {
  const STEP = 1.25;
  const KEY_PAN = 60;

  class Viewer {
    constructor(figure) {
      this.figure = figure;
      this.stage = figure.querySelector(".stage");
      this.image = figure.querySelector("img");
      this.output = figure.querySelector("output");
      this.width = Number(this.image.getAttribute("width"));
      this.height = Number(this.image.getAttribute("height"));
      this.pointers = new Map();
      this.peer = null;
      figure.classList.add("ready");
      figure.querySelector(".viewer-tools").hidden = false;
      this.listen();
      this.fit();
    }

    listen() {
      this.figure.addEventListener("click", (event) => {
        const button = event.target.closest("[data-zoom]");
        if (button) this.command(button.dataset.zoom);
      });
      this.stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      this.stage.addEventListener("keydown", (event) => this.key(event));
      this.stage.addEventListener("dblclick", (event) => this.toggle(event));
      this.stage.addEventListener("pointerdown", (event) => this.down(event));
      this.stage.addEventListener("pointermove", (event) => this.move(event));
      for (const name of ["pointerup", "pointercancel"]) {
        this.stage.addEventListener(name, (event) => this.up(event));
      }
      this.stage.addEventListener("layer", () => this.draw());
      new ResizeObserver(() => (this.fitted ? this.fit() : this.draw())).observe(this.stage);
    }

    get smallest() {
      const box = this.stage.getBoundingClientRect();
      return Math.min(box.width / this.width, box.height / this.height);
    }

    fit() {
      this.scale = this.smallest;
      this.fitted = true;
      this.draw();
    }

    command(name) {
      if (name === "in") this.zoom(this.scale * STEP);
      if (name === "out") this.zoom(this.scale / STEP);
      if (name === "one") this.zoom(1 / window.devicePixelRatio);
      if (name === "fit") this.fit();
    }

    toggle(event) {
      if (this.fitted) this.zoom(Math.max(1, this.smallest * 2), event.clientX, event.clientY);
      else this.fit();
    }

    // the point of the picture under (x, y) stays where it is
    zoom(scale, x, y) {
      const box = this.stage.getBoundingClientRect();
      const px = (x ?? box.left + box.width / 2) - box.left;
      const py = (y ?? box.top + box.height / 2) - box.top;
      const lowest = Math.min(this.smallest, 1 / window.devicePixelRatio);
      const next = Math.min(Math.max(scale, lowest), Math.max(8, this.smallest * 8));
      this.x = px - ((px - this.x) * next) / this.scale;
      this.y = py - ((py - this.y) * next) / this.scale;
      this.scale = next;
      this.fitted = Math.abs(next - this.smallest) < 1e-6;
      this.draw();
    }

    pan(dx, dy) {
      this.x += dx;
      this.y += dy;
      this.draw();
    }

    // smaller than the stage: centred; larger: no edge leaves the stage
    draw() {
      const box = this.stage.getBoundingClientRect();
      const place = (offset, size, room) =>
        size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, offset || 0));
      this.x = place(this.x, this.width * this.scale, box.width);
      this.y = place(this.y, this.height * this.scale, box.height);
      // what lies over the picture moves with it, whatever its own size
      for (const layer of this.stage.querySelectorAll("img")) {
        layer.style.width = `${this.width}px`;
        layer.style.height = `${this.height}px`;
        layer.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
      }
      this.figure.classList.toggle("zoomed", !this.fitted);
      this.output.textContent = `${Math.round(this.scale * window.devicePixelRatio * 100)}%`;
      if (this.peer) this.peer.follow(this);
    }

    // the same part of the picture as the other shows, in shares of each picture
    follow(other) {
      const [box, theirs] = [this, other].map((viewer) => viewer.stage.getBoundingClientRect());
      const across = (theirs.width / 2 - other.x) / (other.width * other.scale);
      const down = (theirs.height / 2 - other.y) / (other.height * other.scale);
      this.scale = (this.smallest * other.scale) / other.smallest;
      this.fitted = other.fitted;
      this.x = box.width / 2 - across * this.width * this.scale;
      this.y = box.height / 2 - down * this.height * this.scale;
      const peer = this.peer;
      this.peer = null; // it has just drawn itself
      this.draw();
      this.peer = peer;
    }

    wheel(event) {
      // the whole picture and a turn away from it: let the page scroll
      if (this.fitted && event.deltaY > 0 && !event.ctrlKey) return;
      event.preventDefault();
      this.zoom(this.scale * Math.exp(-event.deltaY * 0.0015), event.clientX, event.clientY);
    }

    key(event) {
      const commands = { "+": "in", "=": "in", "-": "out", 0: "fit", 1: "one" };
      const pans = {
        ArrowLeft: [KEY_PAN, 0], ArrowRight: [-KEY_PAN, 0], ArrowUp: [0, KEY_PAN], ArrowDown: [0, -KEY_PAN],
      };
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (commands[event.key]) this.command(commands[event.key]);
      else if (pans[event.key] && !this.fitted) this.pan(...pans[event.key]);
      else return;
      event.preventDefault();
    }

    down(event) {
      this.pointers.set(event.pointerId, event);
      if (!this.fitted || this.pointers.size > 1) this.stage.setPointerCapture(event.pointerId);
      this.figure.classList.toggle("dragging", !this.fitted);
    }

    move(event) {
      const before = this.pointers.get(event.pointerId);
      if (!before) return;
      const other = [...this.pointers.values()].find((p) => p.pointerId !== event.pointerId);
      this.pointers.set(event.pointerId, event);
      if (other) this.pinch(before, event, other);
      else if (!this.fitted) this.pan(event.clientX - before.clientX, event.clientY - before.clientY);
    }

    pinch(before, now, other) {
      const distance = (p) => Math.hypot(p.clientX - other.clientX, p.clientY - other.clientY);
      const ratio = distance(now) / Math.max(distance(before), 1);
      this.zoom(this.scale * ratio, (now.clientX + other.clientX) / 2, (now.clientY + other.clientY) / 2);
    }

    up(event) {
      this.pointers.delete(event.pointerId);
      this.figure.classList.remove("dragging");
    }
  }

  class Comparison {
    constructor(box, [first, second]) {
      this.box = box;
      this.second = second;
      first.peer = second;
      second.peer = first;
      this.slider = box.querySelector("[data-slider]");
      this.slider.addEventListener("input", () => this.cut());
      box.querySelector(".compare-tools").hidden = false;
      box.addEventListener("change", (event) => this.changed(event.target));
      this.cut();
    }

    changed(control) {
      if (control.name === "mode") {
        this.box.classList.toggle("over", control.value === "over");
        this.slider.closest("label").hidden = control.value !== "over";
        this.cut();
      } else if (control.form && control.form.matches("[data-choose]")) {
        control.form.requestSubmit();
      }
    }

    cut() {
      const over = this.box.classList.contains("over");
      this.second.stage.style.clipPath = over ? `inset(0 0 0 ${this.slider.value}%)` : "";
    }
  }

  const viewers = new Map();
  for (const figure of document.querySelectorAll("[data-viewer]")) viewers.set(figure, new Viewer(figure));
  for (const box of document.querySelectorAll("[data-compare]")) {
    const pair = [...box.querySelectorAll("[data-viewer]")].map((figure) => viewers.get(figure));
    if (pair.length === 2) new Comparison(box, pair);
  }
})();
