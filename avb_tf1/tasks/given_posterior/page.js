"use strict";
/** The page of a given posterior: its own part. */
(() => {
  const {
    data, element, NOT_FINITE, color, classColor, rgba, bytes, signed, axis, draw, optimumLine, iterationAxis, keepTicks, shownRange,
    single, groupColor, groupDash, groupEntries, hoverName, drawCurves, drawLegend, solid, curveWithFinal, drawTraining,
    drawTrainingLegend, densityTraces, chosen, fill, onCoordinates,
  } = shared;
  const codes = packed => packed && Object.assign({}, packed, {z: new Int16Array(bytes(packed.z).buffer)});
  const HAS_GAP = data.groups.some(({divergence}) => divergence.gap);

  // The run that is shown, and what of it is unpacked.
  let run, dim, moments, draws, density, begins;

  /** A number as text, without the sign of what is rounded to 0. */
  const number = value => signed(Math.abs(value) < 0.005 ? 0 : value, 2);

  // ---- how far q is from the posterior, over training ----

  const GAP = "KL(q(z|x), p(z|x))";

  function drawDivergence() {
    if (!HAS_GAP) return;
    const entries = single ? solid([[GAP, color("generator")]]) : groupEntries();
    drawLegend("divergence-legend", "divergence-plot", entries, drawDivergence);
    const traces = data.groups.flatMap(({label, divergence: {iteration, gap}}, g) => gap ? curveWithFinal(
      iteration, gap, single ? GAP : hoverName(label), single ? GAP : label, single ? color("generator") : groupColor(g),
      {width: 1.6, dash: single ? "solid" : groupDash(g)}, true) : []);
    drawCurves("divergence-plot", traces, {
      shapes: [optimumLine(0, {yref: "y"})], xaxis: iterationAxis("divergence-plot", {title: "iteration"}),
      yaxis: axis({title: "nats", range: shownRange("divergence-plot", ({limits}) => limits.divergence || [], [0])}),
    });
  }

  // ---- samples through training ----

  /** Values of a coordinate of the samples of an x at a moment, null where one is not finite. */
  function samples(x, frame, k) {
    const start = frame * moments.n + begins[x];
    return Array.from({length: moments.counts[x]}, (_, i) => {
      const value = moments.z[(start + i) * dim + k];
      return value === NOT_FINITE ? null : value * moments.scale[k];
    });
  }

  /** Exact draws of an x in a coordinate. */
  const drawn = (x, k) => Array.from({length: draws.n}, (_, i) => draws.z[(x * draws.n + i) * dim + k] * draws.scale[k]);

  // What is drawn behind the samples is the same at each moment, and takes time: the same arrays tell plotly so.
  let behind = null;

  function background(x, across, upwards) {
    const key = `${run.label} ${x} ${across} ${upwards} ${color("page")}`;
    if (behind && behind.key === key) return behind.traces;
    behind = {key, traces: density ? exactTraces(x, across, upwards) : draws ? [{
      type: "scatter", mode: "markers", x: drawn(x, across), y: drawn(x, upwards), hoverinfo: "skip", name: "exact",
      marker: {color: color("soft"), size: 4, opacity: 0.5}}] : []};
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

  function drawPlane(x, frame) {
    const [across, upwards] = [chosen("across"), chosen("upwards")];
    const own = [samples(x, frame, across), samples(x, frame, upwards)];
    draw("posterior-plot", [...background(x, across, upwards), {
      type: "scatter", mode: "markers", x: own[0], y: own[1], hoverinfo: "skip", name: "q",
      marker: {color: classColor(0), size: own[0].length > 400 ? 4 : 5, opacity: own[0].length > 400 ? 0.55 : 0.75}}], {
      margin: {l: 55, r: 10, t: 30, b: 45}, uirevision: `${run.label} ${x} ${across} ${upwards}`,
      xaxis: axis({title: run.coordinates[across], range: run.ranges[x][across], zeroline: false}),
      yaxis: axis({title: run.coordinates[upwards], range: run.ranges[x][upwards], zeroline: false}),
    });
    tell(x, [across, upwards], own);
  }

  function drawLine(x, frame) {
    const own = samples(x, frame, 0), {range: [low, high]} = run.marginals[x][0];
    const counts = new Array(run.marginals[x][0].q.length).fill(0), width = (high - low) / counts.length;
    for (const value of own) {
      const bin = value === null ? -1 : Math.floor((value - low) / width);
      if (bin >= 0 && bin < counts.length) counts[bin] += 1;
    }
    draw("posterior-plot", histograms(run.marginals[x][0], counts, own.length), {
      xaxis: axis({title: run.coordinates[0], range: [low, high], zeroline: false}), yaxis: axis({title: "density", rangemode: "tozero"}),
      bargap: 0, uirevision: `${run.label} ${x}`,
    });
    tell(x, [0], [own]);
  }

  /** What is drawn, for who doesn't see it. */
  function tell(x, shown, values) {
    const rows = values[0].map((_, i) => values.map(own => own[i])).filter(row => row.every(value => value !== null));
    const inside = rows.filter(row => row.every((value, i) => {
      const [low, high] = run.ranges[x][shown[i]];
      return low <= value && value <= high;
    }));
    const texts = shown.map((k, i) => {
      const mean = rows.reduce((sum, row) => sum + row[i], 0) / rows.length;
      const deviation = Math.sqrt(rows.reduce((sum, row) => sum + (row[i] - mean) ** 2, 0) / rows.length);
      const exact = run.exactMoments && run.exactMoments[x][k];
      return `${run.coordinates[k]} ${number(mean)} ± ${number(deviation)}` +
        (exact ? ` (exact ${number(exact[0])} ± ${number(exact[1])})` : "");
    });
    const n = values[0].length, outside = n - inside.length;
    element("posterior-text").textContent = `${run.x.length > 1 ? run.x[x] + ": " : ""}mean ± standard deviation of ` +
      `${n} samples: ${rows.length ? texts.join(", ") : "not finite"}.` + (outside ? ` ${outside} of them lie outside of the axes.` : "");
  }

  const player = shared.player(drawPosterior);

  function drawPosterior() {
    (dim > 1 ? drawPlane : drawLine)(chosen("x-choice"), player.frame);
    player.tell();
  }

  // ---- marginals ----

  /** Bars of counts of n samples, and the outline of the exact draws' in the same bins. */
  function histograms({range: [low, high], exact, nExact}, counts, n) {
    const width = (high - low) / counts.length, edges = counts.map((_, i) => low + i * width);
    const traces = [{
      type: "bar", name: "q", x: edges.map(edge => edge + width / 2), width, y: counts.map(count => count / (n * width)),
      hoverinfo: "skip", marker: {color: rgba(color("class-0"), 0.6), line: {width: 0}}}];
    if (exact) traces.push({
      type: "scatter", mode: "lines", name: "exact", x: [...edges, high], y: [...exact, exact[exact.length - 1]].map(count => count / (nExact * width)),
      hoverinfo: "skip", line: {shape: "hv", color: color("text"), width: 2}});
    return traces;
  }

  function drawMarginals() {
    const x = chosen("marginal-x"), k = chosen("quantity"), own = run.marginals[x][k];
    const {range: [low, high], q, n, exact, nExact} = own;
    draw("marginals-plot", histograms(own, q, n), {
      xaxis: axis({title: run.quantities[k], range: [low, high], zeroline: false}), yaxis: axis({title: "density", rangemode: "tozero"}),
      bargap: 0, uirevision: `${run.label} ${x} ${k}`,
    });
    const total = counts => counts.reduce((sum, count) => sum + count, 0);
    const share = (counts, of) => `${(100 * (1 - total(counts) / of)).toFixed(1)} %`;
    element("marginals-text").textContent = `${run.quantities[k]}${run.x.length > 1 ? " for " + run.x[x] : ""}. ` +
      `Outside of the axes: ${share(q, n)} of q's samples${exact ? `, ${share(exact, nExact)} of the exact draws` : ""}.`;
  }

  // ---- all of it ----

  function choose(index) {
    run = data.runs[index];
    dim = run.coordinates.length;
    [moments, draws] = [codes(run.moments), codes(run.draws)];
    density = run.density && new Uint16Array(bytes(run.density.z).buffer);
    begins = moments.counts.map((_, x) => moments.counts.slice(0, x).reduce((sum, count) => sum + count, 0));
    for (const [id, names, isShown, selected] of [
      ["x-choice", run.x, run.x.length > 1, 0], ["marginal-x", run.x, run.x.length > 1, 0], ["quantity", run.quantities, true, 0],
      ["across", run.coordinates, dim > 1, 0], ["upwards", run.coordinates, dim > 1, 1]]) {
      fill(id, names, selected);
      element(id + "-row").hidden = !isShown;
    }
    noteCoordinates();
    player.load(moments.iteration);
    const isPart = moments.n < moments.nSamples || moments.iteration.length < moments.nMoments;
    element("moments-text").textContent = isPart ? `${moments.n} of ${moments.nSamples} samples, ` +
      `${moments.iteration.length} of ${moments.nMoments} moments; snapshots.npz has all.` : "";
  }

  function drawAll() {
    drawTrainingLegend();
    drawTraining();
    drawDivergence();
    drawPosterior();
    drawMarginals();
  }

  const noteCoordinates = onCoordinates(drawPosterior);
  choose(0);
  drawAll();
  for (const id of HAS_GAP ? ["training-plot", "divergence-plot"] : ["training-plot"]) keepTicks(id);

  element("x-choice").addEventListener("change", drawPosterior);
  for (const id of ["marginal-x", "quantity"]) element(id).addEventListener("change", drawMarginals);
  const runChoice = element("run-choice");
  if (runChoice) runChoice.addEventListener("change", () => {
    player.stop();
    choose(Number(runChoice.value));
    drawPosterior();
    drawMarginals();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
