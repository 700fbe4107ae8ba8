/** The page of a given posterior: its own part. */
// The run that is shown, and what of it is unpacked.
let run, dim, moments, code, exactDraw, density, begins;

// ---- samples through training ----

/** Values of a coordinate of the samples of an x at the moment that is shown, null where one is not finite. */
function samples(x, k) {
  const start = player.frame * moments.n + begins[x];
  return Array.from({length: moments.counts[x]}, (_, i) => code(start + i, k));
}

/** Exact draws of an x in a coordinate. */
const drawn = (x, k) => Array.from({length: run.draws.n}, (_, i) => exactDraw(x * run.draws.n + i, k));

// What is drawn behind the samples is the same at each moment, and takes time: the same arrays tell plotly so.
let behind = null;

function background(x, across, upwards) {
  const key = `${run.label} ${x} ${across} ${upwards} ${color("page")}`;
  if (behind && behind.key === key) return behind.traces;
  behind = {key, traces: density ? exactTraces(x, across, upwards) : run.draws ? [points(drawn(x, across), drawn(x, upwards), {
    name: "exact", marker: {color: color("soft"), size: 4, opacity: 0.5}})] : []};
  return behind.traces;
}

function exactTraces(x, across, upwards) {
  const {side, axes, levels} = run.density, own = density.subarray(x * side * side, (x + 1) * side * side);
  const z = Array.from({length: side}, (_, row) => Array.from({length: side}, (_, column) =>
    across < upwards ? own[column * side + row] : own[row * side + column]));
  const steps = axes[x].map(([low, high]) => (high - low) / (side - 1));
  return densityTraces({z, x0: axes[x][across][0], dx: steps[across], y0: axes[x][upwards][0], dy: steps[upwards]},
                       levels[x], 65535);
}

function drawPlane(x) {
  const shown = [chosen("across"), chosen("upwards")], own = shown.map(k => samples(x, k));
  drawSamples(background(x, ...shown), own, shown.map(k => run.coordinates[k]), shown.map(k => run.ranges[x][k]),
              `${run.label} ${x} ${shown.join(" ")}`);
  tell(x, shown, own);
}

function drawLine(x) {
  const own = samples(x, 0), marginal = run.marginals[x][0], {range: [low, high], q} = marginal;
  const counts = new Array(q.length).fill(0), width = (high - low) / counts.length;
  for (const value of own) {
    const bin = value === null ? -1 : Math.floor((value - low) / width);
    if (bin >= 0 && bin < counts.length) counts[bin] += 1;
  }
  drawMarginal("posterior-plot", marginal, counts, own.length, run.coordinates[0], `${run.label} ${x}`);
  tell(x, [0], [own]);
}

/** What is drawn, for who doesn't see it. */
function tell(x, shown, values) {
  const finite = values[0].map((_, i) => values.map(own => own[i])).filter(row => row.every(value => value !== null));
  const inside = finite.filter(row => row.every((value, i) => {
    const [low, high] = run.ranges[x][shown[i]];
    return low <= value && value <= high;
  }));
  const texts = shown.map((k, i) => {
    const exact = run.exactMoments && run.exactMoments[x][k];
    return `${run.coordinates[k]} ${spread(finite.map(row => row[i]))}` +
      (exact ? ` (exact ${meanAndDeviation(...exact)})` : "");
  });
  const n = values[0].length, outside = n - inside.length;
  element("posterior-text").textContent = `${run.x.length > 1 ? run.x[x] + ": " : ""}mean ± standard deviation of ` +
    `${n} samples: ${finite.length ? texts.join(", ") : "not finite"}.` + (outside ? ` Outside of the axes: ${outside}.` : "");
}

const drawPosterior = () => (dim > 1 ? drawPlane : drawLine)(chosen("x-choice"));

// ---- marginals ----

/** Counts of n samples, and the exact density as a line. */
function drawMarginal(id, {range, exact}, counts, n, title, uirevision) {
  drawHistogram(id, counts, n, exact && {x: exact.x, y: exact.y}, title, range, uirevision);
}

function drawMarginals() {
  const x = chosen("marginal-x"), k = chosen("quantity"), own = run.marginals[x][k];
  const {q, n, exact} = own, percent = share => `${(100 * share).toFixed(1)} %`;
  drawMarginal("marginals-plot", own, q, n, run.quantities[k], `${run.label} ${x} ${k}`);
  const outside = 1 - q.reduce((sum, count) => sum + count, 0) / n;
  element("marginals-text").textContent = `${run.quantities[k]}${run.x.length > 1 ? " for " + run.x[x] : ""}. ` +
    `Outside of the axes: ${percent(outside)} of q's samples${exact ? `, ${percent(exact.outside)} of the exact draws` : ""}.`;
}

// ---- all of it ----

function choose(index) {
  run = data.runs[index];
  dim = run.coordinates.length;
  moments = run.moments;
  code = unpacked(moments, dim);
  exactDraw = run.draws && unpacked(run.draws, dim);
  density = run.density && new Uint16Array(bytes(run.density.z).buffer);
  begins = moments.counts.map((_, x) => moments.counts.slice(0, x).reduce((sum, count) => sum + count, 0));
  for (const [id, names, isShown, selected] of [
    ["x-choice", run.x, run.x.length > 1, 0], ["marginal-x", run.x, run.x.length > 1, 0], ["quantity", run.quantities, true, 0],
    ["across", run.coordinates, dim > 1, 0], ["upwards", run.coordinates, dim > 1, 1]]) {
    fill(id, names, selected);
    element(id + "-row").hidden = !isShown;
  }
  loadMoments(moments.iteration);
  const isPart = moments.n < moments.nSamples || moments.iteration.length < moments.nMoments;
  element("moments-text").textContent = isPart ? `${moments.n} of ${moments.nSamples} samples, ` +
    `${moments.iteration.length} of ${moments.nMoments} moments; snapshots.npz has all.` : "";
}

onCoordinates(drawPosterior);
element("x-choice").addEventListener("change", drawPosterior);
for (const id of ["marginal-x", "quantity"]) element(id).addEventListener("change", drawMarginals);
start({
  choose, drawMoment: drawPosterior, optimum: 0,
  divergences: [{key: "gap", what: "KL(q(z|x) || p(z|x))", itsColor: "generator", width: 1.6, withMarkers: true}],
  drawRun() {
    drawPosterior();
    drawMarginals();
  },
});
