/** The page of models of images: its own part. */
const {images: IMAGES, image_names: CLASSES, pixel_names: PIXELS, image_shape: SHAPE} = data.problem;
const nClasses = IMAGES.length, nPixels = PIXELS.length;
const phrase = k => data.problem.image_phrase.replace("%s", CLASSES[k]);
const HAS_MAP = data.runs.some(({map}) => map);  // else the page has no place for one
const LIMIT = 4;  // of the maps, in standard deviations of the prior

// ---- images as elements ----

function paint(box, colors) {
  box.style.gridTemplateColumns = `repeat(${SHAPE[1]}, 1fr)`;
  box.replaceChildren(...colors.map(background => make("i", {style: `background: ${background}`})));
}

const imageColors = k => IMAGES[k].map(on => on ? classColor(k) : color("pixel-off"));

/** The colours of pixels that are on with probabilities p: each from off to its own. */
const mixed = p => p.map((share, k) => {
  const [off, on] = [rgb(color("pixel-off")), rgb(classColor(k))];
  return `rgb(${off.map((value, i) => Math.round(value + share * (on[i] - value)))})`;
});

// ---- the latent space through training ----

let run;
function choose(index) {
  const {z, scale, dim, tint, map, density} = data.runs[index];
  run = {...data.runs[index], code: unpacked({z, scale: [scale, scale]}, dim)};
  if (map) Object.assign(run, {tint: bytes(tint), map: bytes(map), density: new Uint16Array(bytes(density).buffer)});
  loadMoments(run.iteration);
  if (HAS_MAP) {
    element("z2-row").hidden = run.dim === 1;
    for (const id of ["decoder", "tint-row"]) element(id).hidden = !run.map;
  }
  document.querySelectorAll(".chosen-run").forEach(text => { text.replaceChildren(breakable(run.label)); });
}

/** A pixel map of what a decoder makes of the plane: [rows, top first][columns], as the address of an image. */
function tintUrl(probabilities, start, n, dim) {
  const canvas = make("canvas", {width: n, height: dim === 2 ? n : 1});
  const context = canvas.getContext("2d"), picture = context.createImageData(canvas.width, canvas.height);
  const off = rgb(color("page")), on = PIXELS.map((_, k) => rgb(classColor(k)));
  for (let row = 0; row < canvas.height; row++) {
    for (let column = 0; column < n; column++) {
      const from = start + nPixels * (row * n + column), to = 4 * ((canvas.height - 1 - row) * n + column);
      let total = 0;
      for (let k = 0; k < nPixels; k++) total += probabilities[from + k];
      for (let i = 0; i < 3; i++) {
        let value = 0;
        for (let k = 0; k < nPixels; k++) value += probabilities[from + k] * on[k][i];
        picture.data[to + i] = total > 255 ? value / total : off[i] + (value - total * off[i]) / 255;
      }
      picture.data[to + 3] = 255;
    }
  }
  context.putImageData(picture, 0, 0);
  return canvas.toDataURL();
}

/** A layout image over the maps' square; its outermost pixels' centres lie on the borders. */
function tintImage(probabilities, start, n, dim, opacity) {
  const step = 2 * LIMIT / (n - 1), side = 2 * LIMIT + step;
  return {source: tintUrl(probabilities, start, n, dim), xref: "x", yref: "y", layer: "below", sizing: "stretch", opacity,
          x: -LIMIT - step / 2, sizex: side, y: dim === 2 ? LIMIT + step / 2 : nClasses, sizey: dim === 2 ? side : nClasses};
}

/** The codes at a frame, one trace a class; with one latent dimension each class has a band of its own. */
function codes(at, more) {
  const {dim, n, code} = run;
  let end = 0;
  return CLASSES.map((name, k) => {
    const x = [], y = [], begin = end;
    end += run.counts[k];
    for (let i = begin; i < end; i++) {
      const [across, upwards] = [code(at * n + i, 0), code(at * n + i, dim - 1)], isKnown = across !== null && upwards !== null;
      x.push(isKnown ? across : null);
      y.push(!isKnown ? null : dim === 2 ? upwards : k + 0.1 + 0.8 * (i % 97) / 97);
    }
    return points(x, y, {name, hoverinfo: "none", marker: {color: classColor(k), size: 5, opacity: 0.85}, ...more});
  });
}

/** Where nearly all codes of a class are, if axes that reach to `limit` can't show them apart; else null. */
function speck({x, y}, limit) {
  const [own, other] = [x, y].map(values => values.filter(value => value !== null).sort((a, b) => a - b));
  const at = (values, share) => values[Math.round(share * (values.length - 1))];
  const width = values => at(values, 0.95) - at(values, 0.05);
  const isSpeck = run.dim === 2 && own.length && Math.max(width(own), width(other)) < 0.01 * 2 * limit;
  return isSpeck ? [at(own, 0.5), at(other, 0.5)] : null;
}

/** Rings about specks, of a size for each class, as several may be at one place. */
function speckRings(clouds, limit) {
  return clouds.map((cloud, k) => {
    const found = speck(cloud, limit) || [];
    return points(found.slice(0, 1), found.slice(1), {
      marker: {symbol: "circle-open", size: 14 + 7 * k, color: classColor(k), line: {width: 2.5}}});
  });
}

/** Where the clouds are, for who doesn't see them. */
function centres(at) {
  const mean = values => values.reduce((sum, value) => sum + value, 0) / values.filter(value => value !== null).length;
  return "Centres of the clouds: " + codes(at).map(cloud => {
    const point = speck(cloud, run.range);
    return `${cloud.name} ${place(run.dim, ...(point || [mean(cloud.x), mean(cloud.y)]))}${point ? " (nearly a point)" : ""}`;
  }).join(", ") + ".";
}

const plane = range => latentLayout(run.dim, range, ["z₁", "z₂"], nClasses);

function drawLatent() {
  const {frame} = player, plot = plane(run.range);
  plot.images = run.map && element("tint").checked
    ? [tintImage(run.tint, frame * nPixels * run.tintSide ** run.dim, run.tintSide, run.dim, 0.3)] : [];
  const clouds = codes(frame);
  draw("latent-plot", [...clouds, ...speckRings(clouds, run.range)], plot);
  element("centres").textContent = run.n ? centres(frame) : "";
}

// ---- the decoder as a map ----

const probe = {x: 1, y: 1};

/** The pixels' probabilities at z, interpolated between the map's points. */
function decoded(x, y) {
  const n = run.mapSide, index = value => Math.max(0, Math.min(n - 1, (value + LIMIT) / (2 * LIMIT) * (n - 1)));
  const column = Math.min(n - 2, Math.floor(index(x))), u = index(x) - column;
  const row = run.dim === 2 ? Math.min(n - 2, Math.floor(index(y))) : 0, v = run.dim === 2 ? index(y) - row : 0;
  return PIXELS.map((_, k) => {
    const at = (r, c) => run.map[nPixels * (r * n + c) + k] / 255;
    const low = (1 - u) * at(row, column) + u * at(row, column + 1);
    return v ? (1 - v) * low + v * ((1 - u) * at(row + 1, column) + u * at(row + 1, column + 1)) : low;
  });
}

function describe(x, y) {
  const p = decoded(x, y), clear = IMAGES.findIndex(image => image.every((on, k) => on ? p[k] > 0.5 : p[k] < 0.5));
  return `z = ${place(run.dim, x, y)} decodes to ${clear < 0 ? "no clear image" : `the image with the ${phrase(clear)}`}. ` +
    `Probability that a pixel is on: ${p.map((value, k) => `${PIXELS[k]} ${value.toFixed(2)}`).join(", ")}.`;
}

function posteriorTraces() {
  const n = run.mapSide, step = 2 * LIMIT / (n - 1);
  return CLASSES.flatMap((_, k) => {
    const start = k * n ** run.dim, own = run.density.subarray(start, start + n ** run.dim);
    if (run.dim === 1) {  // with an edge, as what is below may have the same colour
      const edge = {type: "scatter", mode: "lines", x0: -LIMIT, dx: step, y: Array.from(own, value => 0.95 * nClasses * value / 65535),
                    line: {color: color("text"), width: 5}, hoverinfo: "skip"};
      return [edge, Object.assign({}, edge, {line: {color: classColor(k), width: 2.5}})];
    }
    const grid = {z: rows(own, n), x0: -LIMIT, dx: step, y0: -LIMIT, dy: step};
    return levelLines(grid, run.levels[k], 2);
  });
}

function drawMap() {
  const n = run.mapSide, step = 2 * LIMIT / (n - 1), two = run.dim === 2;
  const plot = plane(LIMIT);
  plot.images = [tintImage(run.map, 0, n, run.dim, 0.75)];
  plot.shapes.forEach(ring => { ring.layer = "above"; });
  // Invisible cells over the map: what the pointer is told about.
  const cells = {type: "heatmap", x0: -LIMIT, dx: step, y0: two ? -LIMIT : nClasses / 2, dy: two ? step : nClasses, opacity: 0,
                 showscale: false, hoverinfo: "none", z: Array.from({length: two ? n : 1}, () => new Uint8Array(n))};
  const traces = [cells];
  if (element("codes").checked) {
    const clouds = codes(run.iteration.length - 1, {hoverinfo: "skip"});
    clouds.forEach(({marker}) => Object.assign(marker, {size: 4, opacity: 1, line: {color: color("page"), width: 0.6}}));
    traces.push(...clouds, ...speckRings(clouds, LIMIT));
  }
  if (element("posterior").checked) traces.push(...posteriorTraces());
  traces.push(points([probe.x], [two ? probe.y : nClasses / 2], {
    marker: {symbol: "circle-open", size: 14, color: color("text"), line: {width: 3}}}));
  draw("map-plot", traces, plot);
}

/** Tell a screen reader of the probe; what the pointer does isn't told. */
const announce = () => { element("announcement").textContent = element("probe-text").textContent; };

function showProbe() {
  element("z1").value = probe.x;
  element("z2").value = probe.y;
  for (const [id, value] of [["z1", probe.x], ["z2", probe.y]]) element(id).setAttribute("aria-valuetext", signed(value, 2));
  paint(element("probe-image"), mixed(decoded(probe.x, probe.y)));
  element("probe-text").textContent = describe(probe.x, probe.y);
}

function moveProbe(x, y) {
  const inside = value => Math.max(-LIMIT, Math.min(LIMIT, Math.round(value * 100) / 100));
  Object.assign(probe, {x: inside(x), y: inside(y)});
  showProbe();
  const plot = element("map-plot");
  Plotly.restyle(plot, {x: [[probe.x]], y: [[run.dim === 2 ? probe.y : nClasses / 2]]}, [plot.data.length - 1]);
}

function listenToMap() {
  if (!run.map) draw("map-plot", [], {});  // what was never drawn can't be listened to: the first run may have no map
  onPointer("map-plot", event => {
    const {x, y} = event.points[0];
    moveProbe(x, run.dim === 2 ? y : probe.y);
    paint(element("tooltip-image"), mixed(decoded(probe.x, probe.y)));
    showTooltip(event.event, `z = ${place(run.dim, x, y)}`);
  });
  // Not on plotly_unhover: moving the point draws the map anew, which sends one while the pointer is still there.
  element("map-plot").addEventListener("mouseleave", hideTooltip);
  element("map-plot").addEventListener("keydown", event => {
    const step = event.shiftKey ? 0.5 : 0.1;
    const move = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step]}[event.key];
    if (!move) return;
    event.preventDefault();
    moveProbe(probe.x + move[0], run.dim === 2 ? probe.y + move[1] : probe.y);
    announce();
  });
  element("tint").addEventListener("change", drawLatent);
  for (const id of ["posterior", "codes"]) element(id).addEventListener("change", drawMap);
  for (const id of ["z1", "z2"]) {
    element(id).addEventListener("input", () => {
      moveProbe(Number(element("z1").value), Number(element("z2").value));
      announce();
    });
  }
}

// ---- all of it ----

function drawRun() {
  document.querySelectorAll(".classes").forEach(legend => legend.replaceChildren(...CLASSES.map((name, k) => {
    const image = make("span", {className: "image"});
    image.setAttribute("aria-hidden", "true");
    paint(image, imageColors(k));
    return make("span", {}, image, name);
  })));
  drawLatent();
  if (!run.map) return;
  drawMap();
  showProbe();
}

const width = single ? [1.6, 1.6] : [2.4, 1];
start({
  choose, drawRun, drawMoment: drawLatent, optimum: data.kl_optimum,
  divergences: [
    {key: "posterior", what: "KL(q(z|x) || p(z))", itsColor: "generator", width: width[0], withMarkers: false},
    {key: "discriminator", what: "by the discriminator", itsColor: "discriminator", width: width[1], withMarkers: !single}],
});
onPointer("latent-plot", ({event, points: [{curveNumber: k, x, y}]}) => {
  paint(element("tooltip-image"), imageColors(k));
  showTooltip(event, `${phrase(k)}, ${run.latentDim > 2 ? "(z₁, z₂)" : "z"} = ${place(run.dim, x, y)}`);
});
element("latent-plot").on("plotly_unhover", hideTooltip);
if (HAS_MAP) listenToMap();
