"use strict";
/** What the pages of all kinds of runs have in common: colours, plots, training curves, the slider. A page's own script follows. */
const shared = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const element = id => document.getElementById(id);
  const PLOT_OPTIONS = {
    responsive: true, displaylogo: false,
    doubleClick: false,  // a tap counts as one, and would move the axes
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "toggleSpikelines"],
  };
  const NOT_FINITE = -32768;

  // Colours are looked up anew for each drawing: they differ between light and dark.
  const color = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const classColor = k => color("class-" + k) || MORE_COLORS[k % MORE_COLORS.length];
  const MORE_COLORS = ["#bcbd22", "#17becf", "#56b4e9", "#e377c2", "#d55e00", "#9467bd", "#8c564b", "#7f7f7f"];
  const GROUP_COLORS = ["class-0", "discriminator", "class-2", "class-3", "class-1"];
  const GROUP_DASHES = ["solid", "dashdot", "dot"];
  const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
  const rgba = (hex, alpha) => `rgba(${rgb(hex)},${alpha})`;

  const bytes = text => {
    const raw = atob(text), result = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) result[i] = raw.charCodeAt(i);
    return result;
  };
  const signed = (value, digits) => value.toFixed(digits).replace("-", "\u2212");

  /** A label that may be broken after the words of its keys, not inside of them. */
  function breakable(label) {
    const text = document.createElement("span");
    // The parts at odd places are the ends of words, after which a line may break.
    text.append(...label.split(/(\w=|[a-z]\.)/).flatMap((part, i) => i % 2 ? [part, document.createElement("wbr")] : [part]));
    return text;
  }

  // ---- plots: what they share ----

  function axis(more) {
    return Object.assign({
      gridcolor: color("line"), zerolinecolor: color("line"), linecolor: color("line"), tickcolor: color("line"), automargin: true,
    }, more);
  }

  function layout(more) {
    return Object.assign({
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: {color: color("text"), size: 13},
      margin: {l: 50, r: 15, t: 30, b: 45}, dragmode: false, hovermode: "closest", uirevision: "kept", showlegend: false,
      modebar: {bgcolor: "rgba(0,0,0,0)", color: color("soft"), activecolor: color("text")},
      hoverlabel: {bgcolor: color("page"), font: {color: color("text")}, namelength: -1},
    }, more);
  }

  const draw = (id, traces, plotLayout) => Plotly.react(element(id), traces, layout(plotLayout), PLOT_OPTIONS);

  /** A line with a band about it, as three traces. */
  function banded(x, curve, name, lineColor, more, line) {
    const edge = {x, hoverinfo: "skip", mode: "lines", line: {width: 0}};
    return [
      Object.assign({}, edge, more, {y: curve.low}),
      Object.assign({}, edge, more, {y: curve.high, fill: "tonexty", fillcolor: rgba(lineColor, 0.22)}),
      Object.assign({name, x, y: curve.mean, mode: x.length > 1 ? "lines" : "markers",
                     line: Object.assign({color: lineColor, width: 1.6}, line)}, more),
    ];
  }

  function optimumLine(y, more) {
    return Object.assign({type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y,
                          line: {color: color("soft"), width: 1.2, dash: "dash"}}, more);
  }

  /** Circles at 1, 2 and 3 standard deviations of the prior. */
  const rings = () => [1, 2, 3].map(r => ({
    type: "circle", xref: "x", yref: "y", x0: -r, x1: r, y0: -r, y1: r, line: {color: color("ring"), width: 1}}));

  /** A density whose largest value is `top` as a shade, and two lines at its levels; `grid` has plotly's z, x0, dx, y0, dy. */
  function densityTraces(grid, [outer, inner], top) {
    const own = Object.assign({showscale: false, hoverinfo: "skip", name: "exact"}, grid);
    return [
      Object.assign({}, own, {type: "heatmap", zsmooth: "best", zmin: 0, zmax: top,
                              colorscale: [[0, rgba(color("soft"), 0)], [1, rgba(color("soft"), 0.45)]]}),
      Object.assign({}, own, {type: "contour", line: {color: color("text"), width: 1.5},
                              contours: {coloring: "none", start: outer, end: inner, size: Math.max(inner - outer, 1e-6)}}),
    ];
  }

  // ---- drop-downs ----

  /** The number of the entry that is chosen in a drop-down; 0 if the page has none of that name. */
  const chosen = id => element(id) ? Number(element(id).value) : 0;

  /**
   * Listen to the drop-downs of two coordinates. One against itself would be a line: the other one moves out of the way.
   * Returns what is to be called when they were set by the page itself.
   */
  function onCoordinates(redraw) {
    const ids = ["across", "upwards"];
    let previous;
    const note = () => { previous = ids.map(chosen); };
    note();
    ids.forEach((id, own) => element(id).addEventListener("change", () => {
      if (chosen(ids[0]) === chosen(ids[1])) element(ids[1 - own]).value = previous[own];
      note();
      redraw();
    }));
    return note;
  }

  /** Fill a drop-down with names, in the place of those it had. */
  function fill(id, names, selected) {
    element(id).replaceChildren(...names.map((name, value) => new Option(name, value, false, value === selected)));
  }

  // ---- what is told where the pointer is ----

  const hideTooltip = () => { element("tooltip").hidden = true; };

  /** Show the tooltip with a text; its picture is the caller's to draw before. */
  function showTooltip(event, text) {
    const tooltip = element("tooltip");
    element("tooltip-text").textContent = text;
    tooltip.hidden = false;
    const box = tooltip.getBoundingClientRect();
    tooltip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 4)) + "px";
    tooltip.style.top = Math.max(4, event.clientY - box.height - 14) + "px";
  }

  // ---- axes of iterations ----

  const LAST = Math.max(...data.groups.map(({last}) => last));

  /** Ticks at whole iterations, the last one of all among them. */
  function iterationTicks([low, high]) {
    const rough = (high - low) / 7, power = 10 ** Math.floor(Math.log10(rough));
    const step = Math.max(1, [1, 2, 5, 10].map(factor => factor * power).find(value => value >= rough));
    const ticks = [];
    for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) {
      if (tick > LAST - 0.6 * step) break;
      ticks.push(tick + 0);
    }
    if (low <= LAST && LAST <= high) ticks.push(LAST);
    return ticks;
  }

  function iterationAxis(id, more) {
    const drawn = element(id)._fullLayout, range = [-0.015 * LAST, 1.015 * LAST];
    return axis(Object.assign({range, tickvals: iterationTicks(drawn ? drawn.xaxis.range : range), zeroline: false}, more));
  }

  /** Call a function when the pointer is on a point of a plot, or it is tapped. */
  function onPointer(id, tell) {
    for (const name of ["plotly_hover", "plotly_click"]) element(id).on(name, tell);
  }

  /** New ticks when the reader zooms or moves. */
  function keepTicks(id) {
    const plot = element(id);
    plot.on("plotly_relayout", change => {
      const axes = Object.keys(plot._fullLayout).filter(name => /^xaxis\d*$/.test(name));
      if (!Object.keys(change).some(name => /^xaxis\d*\.(auto)?range/.test(name))) return;
      const tickvals = iterationTicks(plot._fullLayout.xaxis.range);
      Plotly.relayout(plot, Object.fromEntries(axes.map(name => [name + ".tickvals", tickvals])));
    });
  }

  // ---- the curves and their legends: elements, which wrap and are clear of the plot's toolbar ----

  const single = data.groups.length === 1;
  const groupColor = g => color(GROUP_COLORS[g % GROUP_COLORS.length]);
  const groupDash = g => GROUP_DASHES[Math.floor(g / GROUP_COLORS.length) % GROUP_DASHES.length];

  // What went astray would spoil the axes: it is switched off at first, unless there is nothing else.
  const astray = data.groups.filter(group => group.is_astray).map(group => group.label);
  const off = () => new Set(astray.length < data.groups.length ? astray : []);
  const hidden = {"training-plot": off(), "divergence-plot": off(), "latent-plot": new Set()};

  /** Limits of an axis that shows a plot's visible groups, and some more values. */
  function shownRange(id, limitsOf, more) {
    const visible = data.groups.filter(group => !hidden[id].has(group.label));
    const values = (visible.length ? visible : data.groups).flatMap(limitsOf).concat(more);
    if (!values.length) return [0, 1];
    const [low, high] = [Math.min(...values), Math.max(...values)], margin = 0.05 * (high - low) || 0.05;
    return [low - margin, high + margin];
  }

  /** Draw curves; each trace of `traces` has its legend entry's name as `entry`. */
  function drawCurves(id, traces, plotLayout) {
    draw(id, traces.map(({entry, ...trace}) => Object.assign(trace, {visible: !hidden[id].has(entry)})), plotLayout);
  }

  /** A legend whose entries switch their lines on and off. */
  function drawLegend(id, plotId, entries, redraw) {
    element(id).replaceChildren(...entries.map(({entry, lineColor, dash}) => {
      const label = document.createElement("label"), box = document.createElement("input");
      box.type = "checkbox";
      box.checked = !hidden[plotId].has(entry);
      box.addEventListener("change", () => {
        if (box.checked) hidden[plotId].delete(entry); else hidden[plotId].add(entry);
        redraw();
      });
      label.append(box, swatch(lineColor, dash), breakable(entry));
      return label;
    }));
  }

  function swatch(lineColor, dash) {
    const make = name => document.createElementNS("http://www.w3.org/2000/svg", name);
    const svg = make("svg"), line = make("line");
    const attributes = {x1: 0, x2: 32, y1: 5, y2: 5, stroke: lineColor, "stroke-width": 3,
                        "stroke-dasharray": {solid: "none", dashdot: "9 4 3 4", dot: "3 4"}[dash]};
    Object.entries(attributes).forEach(([name, value]) => line.setAttribute(name, value));
    svg.setAttribute("aria-hidden", "true");
    svg.setAttribute("viewBox", "0 0 32 10");
    svg.append(line);
    return svg;
  }

  const groupEntries = () =>
    data.groups.map((group, g) => ({entry: group.label, lineColor: groupColor(g), dash: groupDash(g)}));
  const lossName = loss => loss.replace("_", " ");
  const lossColor = loss => color(loss.replace("_loss", ""));
  /** A label where the pointer is: on several lines. */
  const hoverName = label => label.replace(/, /g, ",<br>");

  function drawTraining() {
    const losses = Object.keys(data.losses), shapes = [], traces = [], axes = {};
    losses.forEach((loss, row) => {
      const suffix = row ? String(row + 1) : "";
      const {optimum} = data.losses[loss];
      const range = shownRange("training-plot", ({limits}) => limits[loss] || [], optimum === null ? [] : [optimum]);
      const share = 1 / losses.length, gap = losses.length > 1 ? 0.06 : 0;
      axes["yaxis" + suffix] = axis({title: lossName(loss) + " (nats)", range,
                                     domain: [1 - (row + 1) * share + (row + 1 < losses.length ? gap : 0), 1 - row * share]});
      axes["xaxis" + suffix] = iterationAxis("training-plot", {
        title: row + 1 === losses.length ? "iteration" : "", anchor: "y" + suffix, matches: row ? "x" : undefined,
        showticklabels: row + 1 === losses.length});
      if (optimum !== null) shapes.push(optimumLine(optimum, {yref: "y" + suffix}));
      data.groups.forEach((group, g) => {
        const curve = group.losses[loss];
        if (!curve) return;
        const more = {xaxis: "x" + suffix, yaxis: "y" + suffix, entry: single ? lossName(loss) : group.label};
        traces.push(...banded(group.iteration, curve, single ? lossName(loss) : hoverName(group.label),
                              single ? lossColor(loss) : groupColor(g), more, {dash: single ? "solid" : groupDash(g)}));
      });
    });
    drawCurves("training-plot", traces, Object.assign({shapes}, axes));
  }

  /** A curve over a group's moments, with its band, and a diamond at the final evaluation's value, of far more codes. */
  function curveWithFinal(iteration, curve, name, entry, lineColor, line, withMarkers) {
    const drawn = banded(iteration, curve, name, lineColor, {entry}, line);
    if (withMarkers) Object.assign(drawn[2], {mode: "lines+markers", marker: {size: 4}});
    if (curve.final !== null) drawn.push({
      x: [iteration[iteration.length - 1]], y: [curve.final], mode: "markers", entry, name, cliponaxis: false,
      marker: {symbol: "diamond", size: 10, color: lineColor, line: {color: color("page"), width: 1}}});
    return drawn;
  }

  /** Legend entries with solid lines, from [what is called, its colour]. */
  const solid = names => names.map(([entry, lineColor]) => ({entry, lineColor, dash: "solid"}));

  function drawTrainingLegend() {
    const losses = Object.keys(data.losses).map(loss => [lossName(loss), lossColor(loss)]);
    drawLegend("training-legend", "training-plot", single ? solid(losses) : groupEntries(), drawTraining);
  }

  // ---- moments in training: a slider, its text, and a button that plays them ----

  /** Moments that `draw` draws, which asks for the `frame`. */
  function player(draw) {
    let timer = null;
    const own = {frame: 0, iterations: [0]};

    /** Other moments, from their iterations: the last one is shown next. */
    own.load = iterations => {
      own.iterations = iterations;
      own.frame = element("frame").max = iterations.length - 1;
    };

    /** Say which moment is drawn. */
    own.tell = () => {
      element("frame").value = own.frame;
      const text = `iteration ${own.iterations[own.frame]} of ${own.iterations[own.iterations.length - 1]}`;
      element("frame-text").textContent = text;
      element("frame").setAttribute("aria-valuetext", text);
    };

    own.stop = () => {
      clearInterval(timer);
      timer = null;
      element("play").textContent = "Play";
    };

    function show(frame) {
      own.frame = frame;
      draw();
    }

    function play() {
      const last = own.iterations.length - 1;
      if (timer !== null) { own.stop(); return; }
      if (own.frame === last) show(0);
      element("play").textContent = "Pause";
      timer = setInterval(() => {
        if (own.frame < last) show(own.frame + 1); else own.stop();
      }, 150);
    }

    element("frame").addEventListener("input", event => { own.stop(); show(Number(event.target.value)); });
    element("play").addEventListener("click", play);
    return own;
  }

  return {
    data, element, NOT_FINITE, color, classColor, rgb, rgba, bytes, signed, breakable, axis, draw, optimumLine, iterationAxis,
    onPointer, keepTicks, single, groupColor, groupDash, groupEntries, hoverName, shownRange, drawCurves, drawLegend, solid,
    curveWithFinal, drawTraining, drawTrainingLegend, player, rings, densityTraces, chosen, fill, onCoordinates, showTooltip, hideTooltip,
  };
})();
