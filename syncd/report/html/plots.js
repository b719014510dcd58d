// Draws the plots in the page's own colours, and again when these change.
"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const names = Object.keys(figures).filter((name) => document.getElementById(`plot-${name}`));
  if (!names.length) return;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const CONFIG = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: "reset" };
  const PAPER = 680; // pixels across a page of A4

  function coloured(value, style) {
    if (typeof value === "string") return value.startsWith("@") ? style.getPropertyValue(`--${value.slice(1)}`).trim() : value;
    if (Array.isArray(value)) return value.map((each) => coloured(each, style));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, coloured(each, style)]));
  }

  function layout(figure, style, width) {
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const own = coloured(figure.layout, style);
    const axis = { gridcolor: colour("line"), linecolor: colour("line"), zerolinecolor: colour("soft"), tickcolor: colour("line"), automargin: true };
    const still = { fixedrange: true };
    return {
      font: { family: "system-ui, sans-serif", size: 12, color: colour("ink") },
      paper_bgcolor: colour("card"), plot_bgcolor: colour("card"),
      margin: { l: 10, r: 10, t: 10, b: 40 },
      hoverlabel: { bgcolor: colour("ink"), font: { color: colour("card") }, namelength: -1 },
      ...own,
      ...(width ? { width, autosize: false } : { autosize: true }),
      xaxis: { ...axis, ...still, ...own.xaxis }, yaxis: { ...axis, ...still, ...own.yaxis },
    };
  }

  function draw(name, style, width) {
    const figure = figures[name];
    const plot = document.getElementById(`plot-${name}`);
    return Plotly.react(plot, coloured(figure.data, style), layout(figure, style, width), CONFIG);
  }

  const screen = () => getComputedStyle(document.documentElement);
  const paper = () => getComputedStyle(document.getElementById("paper"));
  const all = (style, width) => Promise.all(names.map((name) => draw(name, style, width)));

  dark.addEventListener("change", () => all(screen()));
  addEventListener("beforeprint", () => all(paper(), PAPER));
  addEventListener("afterprint", () => all(screen()));

  all(screen()).then(() => {
    document.getElementById("plot-matrix")?.on("plotly_click", (event) => {
      const { from, to } = figures.matrix.pairs;
      const point = event.points[0];
      if (point.text) dispatchEvent(new CustomEvent("pair", { detail: [from[point.y], to[point.x]] }));
    });
    document.documentElement.dataset.drawn = "yes";
  });
})();
