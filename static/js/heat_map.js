// The heat map: a slider fades it over the picture of the viewer. It is loaded when it is first
// wanted: to open a page is no look at it.
(() => {
  function layerOf(input) {
    const stage = document.querySelector(".picture-column [data-viewer] .stage");
    const known = stage.querySelector(".heat-layer");
    if (known) return known;
    const layer = new Image();
    layer.className = "heat-layer";
    layer.alt = "";
    layer.draggable = false;
    layer.addEventListener("error", () => {
      layer.remove();
      input.closest(".heat-map").querySelector(".problem").hidden = false;
    });
    layer.src = input.dataset.heatMap;
    stage.append(layer);
    stage.dispatchEvent(new Event("layer"));
    return layer;
  }

  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-heat-map]")) return;
    layerOf(event.target).style.opacity = event.target.value / 100;
    event.target.closest(".heat-map").classList.add("shown");
  });

  // without this script the page shows the map as a second picture
  function offer() {
    for (const fader of document.querySelectorAll(".heat-map .fader")) fader.hidden = false;
  }
  document.addEventListener("htmx:afterSettle", offer);
  offer();
})();
