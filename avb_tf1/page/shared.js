/** What the pages have in common. A task's page.js comes after it in the same module, and uses its names. */

const data = JSON.parse(document.getElementById("data").textContent);
const element = id => document.getElementById(id);
/** A new element with properties and children, elements and texts. */
function make(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
const PLOT_OPTIONS = {
  responsive: true, displaylogo: false,
  doubleClick: false,  // a tap counts as one, and would move the axes
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "toggleSpikelines"],
};
const NOT_FINITE = -32768;

// Colours are looked up anew for each drawing: they differ between light and dark.
const color = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const classColor = k => color("class-" + k) || MORE_COLORS[k % MORE_COLORS.length];
// Of the classes 8 to 11 and 4 to 7, as plotting/style.py has them.
const MORE_COLORS = ["#bcbd22", "#9467bd", "#17becf", "#e377c2", "#d55e00", "#56b4e9", "#8c564b", "#7f7f7f"];
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
/** A number as text, to 2 decimals or, beside a smaller `scale`, to as many as show 2 digits of it; without a sign of 0. */
function number(value, scale = 1) {
  const digits = scale > 0 && scale < 0.1 ? Math.min(20, 1 - Math.floor(Math.log10(scale))) : 2;
  return signed(Math.abs(value) < 0.5 * 10 ** -digits ? 0 : value, digits);
}
/** A place in a latent space, of which no more than two dimensions are drawn, as text. */
const place = (dim, x, y) => dim > 1 ? `(${signed(x, 2)}, ${signed(y, 2)})` : signed(x, 2);

/** The values of packed codes in `dim` coordinates, by the code and the coordinate; null where one is not finite. */
function unpacked({z, scale}, dim) {
  const values = new Int16Array(bytes(z).buffer);
  return (i, k) => values[i * dim + k] === NOT_FINITE ? null : values[i * dim + k] * scale[k];
}

/** The rows of n values each, as plotly has them. */
const rows = (values, n) =>
  Array.from({length: values.length / n}, (_, row) => Array.from(values.subarray(row * n, (row + 1) * n)));

/** The mean ± standard deviation of values, of the same weight if not told otherwise, as text. */
function spread(values, weights = values.map(() => 1)) {
  const weight = weights.reduce((sum, own) => sum + own, 0);
  const mean = own => own.reduce((sum, value, j) => sum + weights[j] * value, 0) / weight;
  const centre = mean(values);
  return meanAndDeviation(centre, Math.sqrt(mean(values.map(value => (value - centre) ** 2))));
}

const meanAndDeviation = (mean, deviation) => `${number(mean, deviation)} ± ${number(deviation, deviation)}`;

/** A label that may be broken after the words of its keys, not inside of them. */
function breakable(label) {
  // The parts at odd places are the ends of words, after which a line may break.
  return make("span", {}, ...label.split(/(\w=|[a-z]\.)/).flatMap((part, i) => i % 2 ? [part, make("wbr")] : [part]));
}

// ---- plots: what they share ----

const axis = more => ({
  gridcolor: color("line"), zerolinecolor: color("line"), linecolor: color("line"), tickcolor: color("line"), automargin: true,
  ...more});

function draw(id, traces, layout) {
  Plotly.react(element(id), traces, {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: {color: color("text"), size: 13},
    margin: {l: 50, r: 15, t: 30, b: 45}, dragmode: false, hovermode: "closest", uirevision: "kept", showlegend: false,
    modebar: {bgcolor: "rgba(0,0,0,0)", color: color("soft"), activecolor: color("text")},
    hoverlabel: {bgcolor: color("page"), font: {color: color("text")}, namelength: -1}, ...layout,
  }, PLOT_OPTIONS);
}

/** A line with a band about it, as three traces; drawn as of curveStyle. */
function banded(x, curve, {entry, name, lineColor, dash}, width, more) {
  const edge = {x, entry, hoverinfo: "skip", mode: "lines", line: {width: 0}};
  return [
    {...edge, ...more, y: curve.low},
    {...edge, ...more, y: curve.high, fill: "tonexty", fillcolor: rgba(lineColor, 0.22)},
    {name, entry, x, y: curve.mean, mode: x.length > 1 ? "lines" : "markers", line: {color: lineColor, width, dash}, ...more},
  ];
}

const optimumLine = (y, yref) => ({
  type: "line", xref: "paper", x0: 0, x1: 1, yref, y0: y, y1: y, line: {color: color("soft"), width: 1.2, dash: "dash"}});

/** Circles at 1, 2 and 3 standard deviations of the prior. */
const rings = () => [1, 2, 3].map(r => ({
  type: "circle", xref: "x", yref: "y", x0: -r, x1: r, y0: -r, y1: r, line: {color: color("ring"), width: 1}}));

/** Lines at the levels of a density, a grid with plotly's z, x0, dx, y0, dy. */
function levelLines(grid, [outer, inner], width) {
  return {type: "contour", showscale: false, hoverinfo: "skip", ...grid, line: {color: color("text"), width},
          contours: {coloring: "none", start: outer, end: inner, size: Math.max(inner - outer, 1e-6)}};
}

/** A density whose largest value is `top` as a shade, and two lines at its levels. */
function densityTraces(grid, levels, top) {
  const own = {name: "exact", ...grid};
  return [{type: "heatmap", showscale: false, hoverinfo: "skip", ...own, zsmooth: "best", zmin: 0, zmax: top,
           colorscale: [[0, rgba(color("soft"), 0)], [1, rgba(color("soft"), 0.45)]]}, levelLines(own, levels, 1.5)];
}

const points = (x, y, more) => ({type: "scatter", mode: "markers", x, y, hoverinfo: "skip", ...more});

/** The axes of codes that reach to `range`; those of one dimension lie in bands. */
function latentLayout(dim, range, names, nBands) {
  const side = title => ({title, range: [-range, range], zeroline: false, constrain: "domain"});
  return {
    shapes: dim > 1 ? rings() : [], margin: {l: 45, r: 10, t: 30, b: 45}, xaxis: axis(side(names[0])),
    yaxis: axis(dim > 1 ? {...side(names[1]), scaleanchor: "x"} : {range: [0, nBands], showticklabels: false, zeroline: false}),
  };
}

/** Samples of q in two coordinates, over traces of what is exact. */
function drawSamples(exact, [x, y], titles, ranges, uirevision) {
  const [size, opacity] = x.length > 400 ? [4, 0.55] : [5, 0.75];
  const [xaxis, yaxis] = titles.map((title, k) => axis({title, range: ranges[k], zeroline: false}));
  draw("posterior-plot", [...exact, points(x, y, {name: "q", marker: {color: classColor(0), size, opacity}})],
       {margin: {l: 55, r: 10, t: 30, b: 45}, uirevision, xaxis, yaxis});
}

/** A histogram of q: counts of n samples in bins of a range, and the line of what is exact, if that is known. */
function drawHistogram(id, counts, n, exact, title, [low, high], uirevision) {
  const width = (high - low) / counts.length, traces = [{
    type: "bar", name: "q", x: counts.map((_, k) => low + (k + 0.5) * width), y: counts.map(count => count / (n * width)),
    width, hoverinfo: "skip", marker: {color: rgba(color("class-0"), 0.6), line: {width: 0}}}];
  if (exact) traces.push({type: "scatter", mode: "lines", name: "exact", hoverinfo: "skip", ...exact,
                          line: {color: color("text"), width: 2, ...exact.line}});
  draw(id, traces, {bargap: 0, uirevision, xaxis: axis({title, range: [low, high], zeroline: false}),
                    yaxis: axis({title: "density", rangemode: "tozero"})});
}

// ---- drop-downs ----

/** The number of the entry that is chosen in a drop-down; 0 if the page has none of that name. */
const chosen = id => element(id) ? Number(element(id).value) : 0;

/** Listen to the drop-downs of two coordinates. One against itself would be a line: the other one moves out of the way. */
function onCoordinates(redraw) {
  const both = ["across", "upwards"].map(element);
  both.forEach((select, own) => select.addEventListener("change", () => {
    if (both[0].value === both[1].value) both[1 - own].value = select.previous;
    both.forEach(each => { each.previous = each.value; });
    redraw();
  }));
}

/** Fill a drop-down with names, in the place of those it had. */
function fill(id, names, selected) {
  element(id).replaceChildren(...names.map((name, value) => new Option(name, value, false, value === selected)));
  element(id).previous = element(id).value;
}

// ---- what is told where the pointer is ----

/** Hide the tooltip, if the page has one. */
const hideTooltip = () => { if (element("tooltip")) element("tooltip").hidden = true; };

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
  return axis({range, tickvals: iterationTicks(drawn ? drawn.xaxis.range : range), zeroline: false, ...more});
}

/** Call a function when the pointer is on a point of a plot, or it is tapped: it may show the tooltip. */
function onPointer(id, tell) {
  for (const name of ["plotly_hover", "plotly_click"]) element(id).on(name, tell);
  addEventListener("scroll", hideTooltip, {passive: true});
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
function drawCurves(id, traces, layout) {
  draw(id, traces.map(({entry, ...trace}) => ({...trace, visible: !hidden[id].has(entry)})), layout);
}

/** A legend whose entries switch their lines on and off; their lines are solid if not told otherwise. */
function drawLegend(id, plotId, entries, redraw) {
  element(id).replaceChildren(...entries.map(({entry, lineColor, dash = "solid"}) => {
    const box = make("input", {type: "checkbox", checked: !hidden[plotId].has(entry)});
    box.addEventListener("change", () => {
      if (box.checked) hidden[plotId].delete(entry); else hidden[plotId].add(entry);
      redraw();
    });
    return make("label", {}, box, swatch(lineColor, dash), breakable(entry));
  }));
}

function swatch(lineColor, dash) {
  const dashes = {solid: "none", dashdot: "9 4 3 4", dot: "3 4"}[dash];
  return make("template", {innerHTML: `<svg aria-hidden="true" viewBox="0 0 32 10"><line x1="0" x2="32" y1="5" y2="5"
    stroke="${lineColor}" stroke-width="3" stroke-dasharray="${dashes}"></line></svg>`}).content;
}

const groupEntries = () => data.groups.map(({label}, g) => ({
  entry: label, lineColor: color(GROUP_COLORS[g % GROUP_COLORS.length]),
  dash: GROUP_DASHES[Math.floor(g / GROUP_COLORS.length) % GROUP_DASHES.length]}));
/** How a curve of a group is drawn: of a single one by what it is, of several by the group. Its name is on several lines. */
const curveStyle = (g, what, itsColor) => single ? {entry: what, name: what, lineColor: itsColor, dash: "solid"}
  : {...groupEntries()[g], name: data.groups[g].label.replace(/, /g, ",<br>")};
const lossName = loss => loss.replace("_", " ");
const lossColor = loss => color(loss.replace("_loss", ""));

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
    if (optimum !== null) shapes.push(optimumLine(optimum, "y" + suffix));
    data.groups.forEach((group, g) => {
      const curve = group.losses[loss];
      if (!curve) return;
      traces.push(...banded(group.iteration, curve, curveStyle(g, lossName(loss), lossColor(loss)), 1.6,
                            {xaxis: "x" + suffix, yaxis: "y" + suffix}));
    });
  });
  drawCurves("training-plot", traces, {shapes, ...axes});
}

/**
 * Draw curves of the groups' divergences, each with its band and a diamond at the final evaluation's value, of far more codes.
 * Of each kind: its name in a group, what it is called, its colour of a single group, its width, and whether it has markers.
 */
function drawDivergence(kinds, optimum) {
  const optima = optimum === null ? [] : [optimum];
  const traces = data.groups.flatMap(({divergence}, g) => kinds.flatMap(({key, what, itsColor, width, withMarkers}) => {
    const {iteration, [key]: curve} = divergence;
    if (!curve) return [];
    const style = curveStyle(g, what, color(itsColor));
    if (!single && kinds.length > 1) style.name += `:<br>${what}`;
    const drawn = banded(iteration, curve, style, width);
    if (withMarkers) Object.assign(drawn[2], {mode: "lines+markers", marker: {size: 4}});
    if (curve.final !== null) drawn.push({
      x: iteration.slice(-1), y: [curve.final], mode: "markers", entry: style.entry, name: style.name, cliponaxis: false,
      marker: {symbol: "diamond", size: 10, color: style.lineColor, line: {color: color("page"), width: 1}}});
    return drawn;
  }));
  drawCurves("divergence-plot", traces, {
    shapes: optima.map(y => optimumLine(y, "y")), xaxis: iterationAxis("divergence-plot", {title: "iteration"}),
    yaxis: axis({title: "nats", range: shownRange("divergence-plot", ({limits}) => limits.divergence || [], [0, ...optima])}),
  });
}

/** The curves of losses and, where the page has a place for them, of divergences, with their legends. */
function drawAllCurves(kinds, optimum) {
  const losses = Object.keys(data.losses).map(loss => ({entry: lossName(loss), lineColor: lossColor(loss)}));
  drawLegend("training-legend", "training-plot", single ? losses : groupEntries(), drawTraining);
  drawTraining();
  if (!element("divergence-plot")) return;
  const known = kinds.filter(({key}) => data.groups[0].divergence[key]), redraw = () => drawDivergence(kinds, optimum);
  const own = known.map(({what, itsColor}) => ({entry: what, lineColor: color(itsColor)}));
  drawLegend("divergence-legend", "divergence-plot", single ? own : groupEntries(), redraw);
  redraw();
}

// ---- moments in training: a slider, its text, and a button that plays them ----

const player = {frame: 0, iterations: [0], timer: null};

/** Other moments, from their iterations: the last one is shown next. */
function loadMoments(iterations) {
  player.iterations = iterations;
  element("frame").max = iterations.length - 1;
  goTo(iterations.length - 1);
}

function goTo(frame) {
  player.frame = element("frame").value = frame;
  const text = `iteration ${player.iterations[frame]} of ${player.iterations[player.iterations.length - 1]}`;
  element("frame-text").textContent = text;
  element("frame").setAttribute("aria-valuetext", text);
}

function stop() {
  clearInterval(player.timer);
  player.timer = null;
  element("play").textContent = "Play";
}

function play(show) {
  const last = player.iterations.length - 1;
  if (player.timer !== null) { stop(); return; }
  if (player.frame === last) show(0);
  element("play").textContent = "Pause";
  player.timer = setInterval(() => {
    if (player.frame < last) show(player.frame + 1); else stop();
  }, 150);
}

// ---- all of it ----

/**
 * Draw the page, and anew what the reader asks for. `choose` takes the number of a run, and loads its moments; `drawMoment`
 * draws the one at player.frame, `drawRun` all of the run; divergences and their optimum are as of drawDivergence.
 */
function start({choose, drawRun, drawMoment, divergences = [], optimum = null}) {
  const show = frame => { hideTooltip(); goTo(frame); drawMoment(); };
  const drawAll = () => { drawAllCurves(divergences, optimum); drawRun(); };
  choose(0);
  drawAll();
  ["training-plot", "divergence-plot"].filter(element).forEach(keepTicks);
  element("frame").addEventListener("input", event => { stop(); show(Number(event.target.value)); });
  element("play").addEventListener("click", () => play(show));
  if (element("run-choice")) element("run-choice").addEventListener("change", () => {
    stop();
    hideTooltip();
    choose(chosen("run-choice"));
    drawRun();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
}

