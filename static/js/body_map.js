// The body map: a tap places the mark on the figure and chooses the site that lies there; on the
// patient's page it opens the form of a new lesion at that place.
(() => {
  const WIDTH = 160;
  const HEIGHT = 400;
  const STEP = 4;
  // a tap so near to a lesion means it, and no new one; REACH of clinic/dots.py
  const REACH = 23.5;
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  function pointOf(svg, event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [point.x, point.y];
  }

  // regions lie over each other, the last drawn on top
  function regionAt(svg, x, y) {
    const point = new DOMPoint(x, y);
    return [...svg.querySelectorAll(".region")].reverse().find((region) => region.isPointInFill(point));
  }

  function sideAt(svg, region, x) {
    if (region.dataset.side) return region.dataset.side;
    if (Math.abs(x - WIDTH / 2) <= 5) return "midline";
    return x < WIDTH / 2 === (svg.dataset.view === "front") ? "right" : "left";
  }

  const within = (value, limit) => Math.min(Math.max(value, 0), limit);
  const share = (value, limit) => (within(value, limit) / limit).toFixed(4);

  // where dots stand close, each is drawn with less reach than it has room for; the nearest first
  function dotsNear(svg, x, y) {
    const away = (circle) => Math.hypot(circle.cx.baseVal.value - x, circle.cy.baseVal.value - y);
    return [...svg.querySelectorAll(".reach")]
      .filter((circle) => away(circle) <= REACH)
      .sort((one, other) => away(one) - away(other))
      .map((circle) => circle.closest("a"));
  }

  class PlaceField {
    constructor(box) {
      this.box = box;
      this.form = box.closest("form");
      box.hidden = false;
      box.addEventListener("click", (event) => {
        const svg = event.target.closest(".figure");
        if (svg) this.place(svg, ...pointOf(svg, event));
      });
      box.addEventListener("keydown", (event) => this.key(event));
    }

    input(name) {
      return this.form.querySelector(`[name=${name}]`);
    }

    place(svg, x, y) {
      const region = regionAt(svg, x, y);
      if (!region) return false;
      this.mark(svg, x, y);
      this.choose("anatom_site", region.dataset.site);
      this.choose("laterality", sideAt(svg, region, x));
      return true;
    }

    mark(svg, x, y) {
      this.clear();
      svg.querySelector(".mark").removeAttribute("hidden");
      svg.querySelector(".mark").setAttribute("transform", `translate(${x} ${y})`);
      this.input("body_view").value = svg.dataset.view;
      this.input("body_x").value = share(x, WIDTH);
      this.input("body_y").value = share(y, HEIGHT);
    }

    clear() {
      for (const mark of this.box.querySelectorAll(".mark")) mark.setAttribute("hidden", "");
      for (const name of ["body_view", "body_x", "body_y"]) this.input(name).value = "";
    }

    choose(name, value) {
      const tile = this.form.querySelector(`[name=${name}][value="${value}"]`);
      if (tile) tile.checked = true;
    }

    // the mark moves with the arrows and stays on the figure
    key(event) {
      const svg = event.target.closest(".figure");
      if (!svg) return;
      if (event.key === "Delete" || event.key === "Backspace") this.clear();
      else if (ARROWS[event.key]) this.move(svg, ARROWS[event.key], event.shiftKey ? 1 : STEP);
      else return;
      event.preventDefault();
    }

    move(svg, [dx, dy], step) {
      const here = this.input("body_view").value === svg.dataset.view;
      if (!here) return this.place(svg, WIDTH / 2, HEIGHT * 0.3);
      const x = this.input("body_x").value * WIDTH + dx * step;
      const y = this.input("body_y").value * HEIGHT + dy * step;
      return this.place(svg, within(x, WIDTH), within(y, HEIGHT));
    }

    // another site than the mark's makes the mark wrong
    siteChosen(value) {
      const view = this.input("body_view").value;
      if (!view) return;
      const svg = this.box.querySelector(`[data-view=${view}]`);
      const region = regionAt(svg, this.input("body_x").value * WIDTH, this.input("body_y").value * HEIGHT);
      if (!region || region.dataset.site !== value) this.clear();
    }
  }

  const fields = new WeakMap();

  function start() {
    for (const box of document.querySelectorAll(".body-map[data-place]")) {
      if (!fields.has(box)) fields.set(box, new PlaceField(box));
    }
  }

  document.addEventListener("change", (event) => {
    if (event.target.name !== "anatom_site") return;
    const box = event.target.form.querySelector(".body-map[data-place]");
    if (box) fields.get(box).siteChosen(event.target.value);
  });
  document.addEventListener("htmx:load", start);
  start();

  // a finger covers more than one: it is asked which
  const which = document.querySelector("[data-which-lesion]");
  const isFinger = (event) => event.pointerType === "touch" || event.pointerType === "pen";

  function ask(dots) {
    const choices = dots.map((dot) => {
      const link = document.createElement("a");
      link.href = dot.href.baseVal;
      link.textContent = dot.getAttribute("aria-label");
      const item = document.createElement("li");
      item.append(link);
      return item;
    });
    which.querySelector(".choices").replaceChildren(...choices);
    which.showModal();
  }

  function tap(map, event) {
    const svg = event.target.closest(".figure");
    if (!svg) return;
    const [x, y] = pointOf(svg, event);
    const dots = dotsNear(svg, x, y);
    if (isFinger(event) && dots.length > 1) {
      event.preventDefault();
      ask(dots);
    } else if (!event.target.closest("a")) {
      if (dots.length) location.href = dots[0].href.baseVal;
      else if (map.dataset.newLesion && regionAt(svg, x, y)) {
        const query = new URLSearchParams({ view: svg.dataset.view, x: share(x, WIDTH), y: share(y, HEIGHT) });
        location.href = `${map.dataset.newLesion}?${query}`;
      }
    }
  }

  const map = document.querySelector(".body-map[data-lesions]");
  if (map) {
    map.addEventListener("click", (event) => tap(map, event));
    map.classList.toggle("placing", "newLesion" in map.dataset);
    document.querySelector("[data-map-hint]")?.removeAttribute("hidden");
  }
})();
