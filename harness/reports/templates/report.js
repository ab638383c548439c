// Comfort only: the page says everything without this. Zoom in time (all plots together), read-out of the
// bucket under the pointer, copying the command, light or dark by hand.
(() => {
  "use strict";
  const make = (name, text, parent) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  };
  const button = (text, label, parent, act) => {
    const made = make("button", text, parent);
    made.type = "button";
    made.setAttribute("aria-label", label);
    made.addEventListener("click", act);
    return made;
  };

  const root = document.documentElement;
  const theme = button("Light / dark", "Switch between light and dark", document.querySelector(".top"), () => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
  });
  theme.title = "Switch between light and dark";

  const command = document.getElementById("command");
  if (command) {
    const copy = button("Copy", "Copy the command", command.parentElement, async () => {
      const range = document.createRange();
      range.selectNodeContents(command);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      const done = navigator.clipboard ? navigator.clipboard.writeText(command.textContent).then(() => true, () => false)
        : Promise.resolve(document.execCommand("copy"));
      copy.textContent = (await done) ? "Copied" : "Selected";
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    });
  }

  const plots = [...document.querySelectorAll("svg.time")];
  if (!plots.length) return;
  const end = Number(plots[0].dataset.end);
  const space = "http://www.w3.org/2000/svg";
  let from = 0, to = end;

  const round = (rough) => {
    const power = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 5, 10].map((m) => m * power).find((step) => step >= rough);
  };
  const axis = (plot, place) => {
    const group = plot.querySelector(".time-axis"), name = group.lastElementChild;
    const bottom = Number(plot.dataset.bottom), step = round((to - from) / 10);
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    group.replaceChildren();
    for (let n = Math.ceil(from / step); n * step <= to + step * 1e-6; n++) {
      const x = place(n * step), line = document.createElementNS(space, "path");
      line.setAttribute("class", "tick");
      line.setAttribute("d", `M${x} ${bottom}v5`);
      const text = document.createElementNS(space, "text");
      text.setAttribute("class", "axis middle");
      text.setAttribute("x", x);
      text.setAttribute("y", bottom + 18);
      text.textContent = (n * step).toFixed(digits);
      group.append(line, text);
    }
    group.append(name);
  };
  const show = () => {
    for (const plot of plots) {
      const left = Number(plot.dataset.left), inner = Number(plot.dataset.inner);
      const place = (second) => left + (second - from) / (to - from) * inner;
      const zoom = plot.querySelector(".zoom"), box = zoom.getAttribute("viewBox").split(" ");
      zoom.setAttribute("viewBox", `${from / end * inner} 0 ${(to - from) / end * inner} ${box[3]}`);
      axis(plot, place);
      for (const name of plot.querySelectorAll(".phase-name")) {
        const start = Math.max(place(Number(name.dataset.start)), left);
        const stop = Math.min(place(Number(name.dataset.stop)), left + inner);
        name.setAttribute("x", start + 4);
        name.classList.toggle("narrow", stop - start < 6.5 * name.textContent.length);
      }
    }
    for (const reset of document.querySelectorAll(".reset")) reset.disabled = from === 0 && to === end;
  };
  const move = (low, high) => {
    const length = Math.min(Math.max(high - low, end / 5000), end);
    from = Math.min(Math.max(low, 0), end - length);
    to = from + length;
    show();
  };
  const scaled = (factor) => {
    const middle = (from + to) / 2, half = (to - from) / 2 * factor;
    move(middle - half, middle + half);
  };

  for (const figure of document.querySelectorAll("figure[data-time]")) {
    const plot = figure.querySelector("svg.time");
    if (!plot) continue;
    const tools = make("div");
    tools.className = "tools";
    figure.querySelector(".scroll").before(tools);
    button("+", "Zoom in on time", tools, () => scaled(0.5));
    button("\u2212", "Zoom out", tools, () => scaled(2));
    button("\u2190", "Earlier", tools, () => move(from - (to - from) / 4, to - (to - from) / 4));
    button("\u2192", "Later", tools, () => move(from + (to - from) / 4, to + (to - from) / 4));
    button("All", "Show the whole run", tools, () => move(0, end)).classList.add("reset");
    const readout = make("span", "Drag across a plot to zoom in.", tools);
    readout.className = "readout";

    const left = Number(plot.dataset.left), inner = Number(plot.dataset.inner);
    const cursor = document.createElementNS(space, "path"), chosen = document.createElementNS(space, "rect");
    cursor.setAttribute("class", "cursor");
    chosen.setAttribute("class", "select");
    plot.append(chosen, cursor);
    const table = figure.querySelector("table"), step = Number(figure.dataset.step);
    const heads = table ? [...table.querySelectorAll("thead th")].map((cell) => cell.textContent) : [];
    const rows = new Map([...figure.querySelectorAll("tr[data-t]")].map(
      (row) => [Math.round(Number(row.dataset.t) / step), row]));
    const across = (event) => {
      const box = plot.getBoundingClientRect(), width = plot.viewBox.baseVal.width;
      return Math.min(Math.max((event.clientX - box.left) / box.width * width, left), left + inner);
    };
    const time = (x) => from + (x - left) / inner * (to - from);
    let begun = null;
    plot.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse" && event.button === 0) { begun = across(event); event.preventDefault(); }
    });
    plot.addEventListener("pointermove", (event) => {
      const x = across(event), at = time(x), row = rows.get(Math.floor(at / step));
      cursor.setAttribute("d", `M${x} 0V${plot.dataset.bottom}`);
      const cells = row ? [...row.children].slice(1).map((cell, n) => `${heads[n + 1]} ${cell.textContent}`) : [];
      readout.textContent = [`${at.toFixed(3)} s`, ...cells].join("  \u00b7  ");
      if (begun !== null) {
        for (const [name, value] of [["x", Math.min(begun, x)], ["y", 0], ["width", Math.abs(x - begun)],
          ["height", plot.dataset.bottom]]) chosen.setAttribute(name, value);
      }
    });
    addEventListener("pointerup", (event) => {
      if (begun === null) return;
      const x = across(event), start = time(Math.min(begun, x)), stop = time(Math.max(begun, x));
      if (Math.abs(x - begun) > 5) move(start, stop);
      begun = null;
      chosen.setAttribute("width", 0);
    });
    plot.addEventListener("pointerleave", () => { cursor.removeAttribute("d"); });
    plot.addEventListener("dblclick", () => move(0, end));
  }
  show();
})();
