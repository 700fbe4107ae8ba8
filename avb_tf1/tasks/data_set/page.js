/** The page of models of a data set: its own part. */
const LINE_BINS = 40;  // of the samples' histogram, where the latent space is a line

/** What a coordinate is called: z, or z with a subscript. */
const coordinate = k => run.dim === 1 ? "z" : "z" + String(k + 1).replace(/./g, digit => "₀₁₂₃₄₅₆₇₈₉"[digit]);
const className = k => run.classes.length > 1 ? `class ${run.classes[k]}` : run.classes[k];

let run;
const moment = () => run.moments[player.frame];

/** The values of packed codes, unpacked once. */
const valuesOf = packed => packed.values || (packed.values = unpacked(packed, run.dim));

// ---- tiles: one image out of a picture that has many ----

/** Show the tile at a place of a picture of `across` times `down` tiles in an element. */
function showTile(box, picture, place, across, down) {
  const share = (at, n) => n > 1 ? `${100 * at / (n - 1)}%` : "0";
  Object.assign(box.style, {
    aspectRatio: run.tileAspect, backgroundImage: `url("${picture}")`, backgroundSize: `${100 * across}% ${100 * down}%`,
    backgroundPosition: `${share(place % across, across)} ${share(Math.floor(place / across), down)}`});
}

function showPicture(id, address, across, down) {
  const image = element(id);
  if (image.src !== address) image.src = address;
  image.style.aspectRatio = run.tileAspect * across / down;
}

// ---- codes ----

function drawLatent() {
  const {dim, n, labels, range} = run, value = valuesOf(moment());
  const [across, upwards] = dim > 2 ? [chosen("across"), chosen("upwards")] : [0, 1];
  const traces = run.classes.map((_, k) => points([], [], {
    name: className(k), entry: className(k), customdata: [],
    hoverinfo: "none", marker: {color: classColor(k), size: n > 400 ? 5 : 6, opacity: 0.8}}));
  const height = i => dim > 1 ? value(i, upwards) : labels[i] + 0.1 + 0.8 * (i % 97) / 97;
  let nOutside = 0;
  for (let i = 0; i < n; i++) {
    const x = value(i, across), y = height(i);
    if (x === null || y === null || Math.abs(x) > range || dim > 1 && Math.abs(y) > range) nOutside += 1;
    const {x: xs, y: ys, customdata} = traces[labels[i]];
    xs.push(x);
    ys.push(y);
    customdata.push(i);
  }
  const row = element("image-choice") ? run.close.rows[chosen("image-choice")] : n;
  if (row < n) traces.push(points([value(row, across)], [height(row)], {
    name: "chosen", marker: {symbol: "circle-open", size: 15, color: color("text"), line: {width: 2.5}}}));
  const axes = latentLayout(dim, range, [coordinate(across), coordinate(upwards)], run.classes.length);
  drawCurves("latent-plot", traces, {...axes, uirevision: `${run.label} ${across} ${upwards}`});
  element("latent-text").textContent = `${n} codes.` + (nOutside ? ` Outside of the axes: ${nOutside}.` : "") +
    (row < n ? " The thick ring is about the code of the image that is chosen below." : "");
}

function tellCode({event, points: [{x, y, customdata: i}]}) {
  if (i === undefined) return;
  const {picture, across} = run.images;
  showTile(element("tooltip-image"), picture, i, across, Math.ceil(run.n / across));
  const its = run.classes.length > 1 ? className(run.labels[i]) + ", " : "";
  showTooltip(event, `${its}test image ${i}, ${place(run.dim, x, y)}`);
}

// ---- images that are looked at closely ----

/** Two tiles for each: the image and its reconstruction; where there are posteriors, a button that chooses it. */
function makeCloseImages() {
  const {names, picture} = run.close, asButton = Boolean(element("image-choice"));
  element("close-images").replaceChildren(...names.map((name, k) => {
    const tiles = ["input", "reconstruction"].map(kind => make("span", {className: "tile " + kind}));
    const box = make(asButton ? "button" : "span", {title: name}, ...tiles);
    box.setAttribute("aria-label", name);
    if (asButton) {
      box.type = "button";
      box.addEventListener("click", () => {
        element("image-choice").value = k;
        chooseImage();
      });
    } else box.setAttribute("role", "img");
    showTile(tiles[0], picture, k, names.length, 1);
    return box;
  }));
  if (asButton) fill("image-choice", names, 0);
}

function drawCloseImages() {
  [...element("close-images").children].forEach((box, k) => {
    showTile(box.lastChild, moment().reconstruction, k, run.close.names.length, 1);
    if (element("image-choice")) box.setAttribute("aria-pressed", k === chosen("image-choice"));
  });
}

function chooseImage() {
  drawCloseImages();
  drawLatent();
  drawPosterior();
}

// ---- the posterior of one of them ----

function drawPosterior() {
  const i = chosen("image-choice"), {posterior} = moment(), {n, side, axes, levels} = posterior, value = valuesOf(posterior);
  const size = side ** run.dim, density = bytes(posterior.density).subarray(i * size, (i + 1) * size);
  const samples = Array.from({length: run.dim}, (_, k) => Array.from({length: n}, (_, j) => value(i * n + j, k)));
  const grid = axes[i].map(([low, high]) => ({low, high, step: (high - low) / (side - 1)}));
  (run.dim > 1 ? drawPlane : drawLine)(samples, density, grid, levels[i], side);
  tellPosterior(run.close.names[i], samples, density, grid, side);
}

/** What the axes of the posterior depend on: others when the reader comes to another image or moment. */
const posteriorView = () => `${player.frame} ${chosen("image-choice")}`;

function drawPlane(samples, density, grid, levels, side) {
  const [across, upwards] = grid;
  const exact = {z: rows(density, side), x0: across.low, dx: across.step, y0: upwards.low, dy: upwards.step};
  drawSamples(densityTraces(exact, levels, 255), samples, [coordinate(0), coordinate(1)],
              grid.map(({low, high}) => [low, high]), posteriorView());
}

function drawLine([samples], density, [{low, high, step}]) {
  const width = (high - low) / LINE_BINS, counts = new Array(LINE_BINS).fill(0);
  for (const value of samples) {
    if (value !== null) counts[Math.max(0, Math.min(LINE_BINS - 1, Math.floor((value - low) / width)))] += 1;
  }
  const total = density.reduce((sum, value) => sum + value, 0) * step;
  const exact = {x0: low, dx: step, y: Array.from(density, value => value / total)};
  drawHistogram("posterior-plot", counts, samples.length, exact, coordinate(0), [low, high], posteriorView());
}

/** What is drawn, for who doesn't see it. */
function tellPosterior(name, samples, density, grid, side) {
  const heights = Array.from(density), texts = grid.map(({low, step}, k) => {
    const own = samples[k].filter(value => value !== null);
    const places = heights.map((_, j) => low + step * (k ? Math.floor(j / side) : j % side));
    const ofSamples = own.length ? spread(own) : "not finite";
    return `${coordinate(k)} ${ofSamples} (exact ${spread(places, heights)})`;
  });
  element("posterior-text").textContent =
    `Shown: ${name}. Mean ± standard deviation of ${samples[0].length} samples: ${texts.join(", ")}.`;
}

// ---- all of it ----

function choose(index) {
  run = data.runs[index];
  document.documentElement.classList.toggle("real", run.isReal);
  loadMoments(run.moments.map(({iteration}) => iteration));
  const names = Array.from({length: run.dim}, (_, k) => coordinate(k));
  fill("across", names, 0);
  fill("upwards", names, 1);
  element("coordinates").hidden = run.dim <= 2;
  if (element("manifold-figure")) {
    element("manifold-figure").hidden = !run.moments[0].manifold;
    element("manifold-figure").classList.toggle("strip", run.dim === 1);
  }
  if (run.close) makeCloseImages();
  const {moments: {length}, nMoments} = run;
  element("moments-text").hidden = length === nMoments;
  element("moments-text").textContent = `${length} of ${nMoments} moments; snapshots.npz has all.`;
}

function drawMoment() {
  const {manifold, prior, posterior} = moment();
  drawLatent();
  if (manifold) showPicture("manifold", manifold, ...run.manifoldTiles);
  showPicture("prior", prior, ...run.priorTiles);
  if (run.close) drawCloseImages();
  if (posterior) drawPosterior();
}

onCoordinates(drawLatent);
start({
  choose, drawMoment,
  drawRun() {
    const entries = run.classes.map((_, k) => ({entry: className(k), lineColor: classColor(k)}));
    drawLegend("latent-legend", "latent-plot", entries, drawLatent);
    drawMoment();
  },
});
onPointer("latent-plot", tellCode);
element("latent-plot").on("plotly_unhover", hideTooltip);
if (element("image-choice")) element("image-choice").addEventListener("change", chooseImage);
