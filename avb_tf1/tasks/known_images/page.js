"use strict";
/** The page of models of images: its own part. */
(() => {
  const {
    data, element, NOT_FINITE, color, classColor, rgb, bytes, signed, breakable, axis, draw, optimumLine, iterationAxis, onPointer,
    keepTicks, single, groupColor, groupDash, groupEntries, hoverName, shownRange, drawCurves, drawLegend, solid, curveWithFinal,
    drawTraining, drawTrainingLegend, rings, showTooltip, hideTooltip,
  } = shared;
  const {images: IMAGES, image_names: CLASSES, pixel_names: PIXELS, image_shape: SHAPE} = data.problem;
  const nClasses = IMAGES.length, nPixels = PIXELS.length;
  const phrase = k => data.problem.image_phrase.replace("%s", CLASSES[k]);
  const HAS_MAP = data.runs.some(({map}) => map);  // else the page has no place for one
  const LIMIT = 4;  // of the maps, in standard deviations of the prior

  /** A place in the latent space as text; where there are more dimensions, in the two that are drawn. */
  const place = (x, y) => run.dim === 2 ? `(${signed(x, 2)}, ${signed(y, 2)})` : signed(x, 2);
  const atPlace = (x, y) => `${run.latentDim > 2 ? "(z₁, z₂)" : "z"} = ${place(x, y)}`;

  // ---- images as elements ----

  function paint(box, colors) {
    box.style.gridTemplateColumns = `repeat(${SHAPE[1]}, 1fr)`;
    box.replaceChildren(...colors.map(value => {
      const pixel = document.createElement("i");
      pixel.style.background = value;
      return pixel;
    }));
  }

  const imageColors = k => IMAGES[k].map(on => on ? classColor(k) : color("pixel-off"));

  /** The colour of pixel k if it is on with probability p: from off to its own. */
  function mixed(k, p) {
    const [off, on] = [rgb(color("pixel-off")), rgb(classColor(k))];
    return `rgb(${off.map((value, i) => Math.round(value + p * (on[i] - value)))})`;
  }

  const POSTERIOR = "KL(q(z|x), p(z))", DISCRIMINATOR = "by the discriminator";

  function drawDivergence() {
    const traces = [];
    data.groups.forEach((group, g) => {
      const {iteration, posterior, discriminator} = group.divergence;
      const dash = single ? "solid" : groupDash(g);
      const add = (curve, what, lineColor, width, withMarkers) => {
        const name = single ? what : `${hoverName(group.label)}:<br>${what}`, entry = single ? what : group.label;
        traces.push(...curveWithFinal(iteration, curve, name, entry, lineColor, {dash, width}, withMarkers));
      };
      if (posterior) add(posterior, POSTERIOR, single ? color("generator") : groupColor(g), single ? 1.6 : 2.4, false);
      const itsColor = single ? color("discriminator") : groupColor(g);
      if (discriminator) add(discriminator, DISCRIMINATOR, itsColor, single ? 1.6 : 1, !single);
    });
    drawCurves("divergence-plot", traces, {
      shapes: data.kl_optimum === null ? [] : [optimumLine(data.kl_optimum, {yref: "y"})], xaxis: iterationAxis("divergence-plot", {title: "iteration"}),
      yaxis: axis({title: "nats", 
                  range: shownRange("divergence-plot", ({limits}) => limits.divergence, data.kl_optimum === null ? [0] : [data.kl_optimum, 0])}),
    });
  }

  function drawLegends() {
    const {posterior, discriminator} = data.groups[0].divergence, divergences = [];
    drawTrainingLegend();
    if (posterior) divergences.push([POSTERIOR, color("generator")]);
    if (discriminator) divergences.push([DISCRIMINATOR, color("discriminator")]);
    drawLegend("divergence-legend", "divergence-plot", single ? solid(divergences) : groupEntries(), drawDivergence);
  }

  // ---- the latent space through training ----

  let run;
  const player = shared.player(() => {
    hideTooltip();
    drawLatent();
  });

  function choose(index) {
    const source = data.runs[index];
    run = Object.assign({}, source, {z: new Int16Array(bytes(source.z).buffer)});
    if (run.map) Object.assign(run, {
      tint: bytes(source.tint), map: bytes(source.map), density: new Uint16Array(bytes(source.density).buffer)});
    player.load(run.iteration);
    if (HAS_MAP) {
      element("z2-row").hidden = run.dim === 1;
      for (const id of ["decoder", "tint-row"]) element(id).hidden = !run.map;
    }
    document.querySelectorAll(".chosen-run").forEach(text => { text.replaceChildren(breakable(run.label)); });
  }

  /** A pixel map of what a decoder makes of the plane: [rows, top first][columns], as the address of an image. */
  function tintUrl(probabilities, start, n, dim) {
    const canvas = document.createElement("canvas");
    canvas.width = n;
    canvas.height = dim === 2 ? n : 1;
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
    const {dim, n} = run;
    let end = 0;
    return CLASSES.map((name, k) => {
      const x = [], y = [], begin = end;
      end += run.counts[k];
      for (let i = begin; i < end; i++) {
        const offset = (at * n + i) * dim;
        if (run.z[offset] === NOT_FINITE || run.z[offset + dim - 1] === NOT_FINITE) {
          x.push(null);
          y.push(null);
          continue;
        }
        x.push(run.z[offset] * run.scale);
        y.push(dim === 2 ? run.z[offset + 1] * run.scale : k + 0.1 + 0.8 * (i % 97) / 97);
      }
      return Object.assign({type: "scatter", mode: "markers", name, x, y, hoverinfo: "none",
                            marker: {color: classColor(k), size: 5, opacity: 0.85}}, more);
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
      return {type: "scatter", mode: "markers", x: found.slice(0, 1), y: found.slice(1), hoverinfo: "skip",
              marker: {symbol: "circle-open", size: 14 + 7 * k, color: classColor(k), line: {width: 2.5}}};
    });
  }

  /** Where the clouds are, for who doesn't see them. */
  function centres(at) {
    const mean = values => values.reduce((sum, value) => sum + value, 0) / values.filter(value => value !== null).length;
    return "Centres of the clouds: " + codes(at).map(cloud => {
      const point = speck(cloud, run.range);
      return `${cloud.name} ${place(...(point || [mean(cloud.x), mean(cloud.y)]))}${point ? " (nearly a point)" : ""}`;
    }).join(", ") + ".";
  }

  function plane(range) {
    return {
      shapes: run.dim === 2 ? rings() : [], margin: {l: 45, r: 10, t: 30, b: 45},
      xaxis: axis({title: "z₁", range: [-range, range], zeroline: false, constrain: "domain"}),
      yaxis: run.dim === 2 ? axis({title: "z₂", range: [-range, range], zeroline: false, scaleanchor: "x", constrain: "domain"})
        : axis({range: [0, nClasses], showticklabels: false, zeroline: false}),
    };
  }

  function drawLatent() {
    const {frame} = player, plot = plane(run.range);
    plot.images = run.map && element("tint").checked ? [tintImage(run.tint, frame * nPixels * run.tintSide ** run.dim, run.tintSide, run.dim, 0.3)] : [];
    const clouds = codes(frame);
    draw("latent-plot", [...clouds, ...speckRings(clouds, run.range)], plot);
    player.tell();
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
    return `z = ${place(x, y)} decodes to ${clear < 0 ? "no clear image" : `the image with the ${phrase(clear)}`}. ` +
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
      const rows = Array.from({length: n}, (_, row) => Array.from(own.subarray(row * n, (row + 1) * n)));
      const [outer, inner] = run.levels[k];
      return {type: "contour", z: rows, x0: -LIMIT, dx: step, y0: -LIMIT, dy: step, showscale: false,
              hoverinfo: "skip",
              contours: {coloring: "none", start: outer, end: inner, size: Math.max(inner - outer, 1e-6)},
              line: {color: color("text"), width: 2}};
    });
  }

  function drawMap() {
    const n = run.mapSide, step = 2 * LIMIT / (n - 1), two = run.dim === 2;
    const plot = plane(LIMIT);
    plot.images = [tintImage(run.map, 0, n, run.dim, 0.75)];
    plot.shapes.forEach(ring => { ring.layer = "above"; });
    // Invisible cells over the map: what the pointer is told about.
    const cells = {type: "heatmap", x0: -LIMIT, dx: step, y0: two ? -LIMIT : nClasses / 2, dy: two ? step : nClasses, opacity: 0, showscale: false,
                   hoverinfo: "none", z: Array.from({length: two ? n : 1}, () => new Uint8Array(n))};
    const traces = [cells];
    if (element("codes").checked) {
      const clouds = codes(run.iteration.length - 1, {hoverinfo: "skip"});
      clouds.forEach(({marker}) => Object.assign(marker, {size: 4, opacity: 1, line: {color: color("page"), width: 0.6}}));
      traces.push(...clouds, ...speckRings(clouds, LIMIT));
    }
    if (element("posterior").checked) traces.push(...posteriorTraces());
    traces.push({type: "scatter", mode: "markers", x: [probe.x], y: [two ? probe.y : nClasses / 2], hoverinfo: "skip",
                 marker: {symbol: "circle-open", size: 14, color: color("text"), line: {width: 3}}});
    draw("map-plot", traces, plot);
  }

  /** Tell it to a screen reader; what the pointer does isn't told. */
  const announce = text => { element("announcement").textContent = text; };

  function showProbe() {
    element("z1").value = probe.x;
    element("z2").value = probe.y;
    for (const [id, value] of [["z1", probe.x], ["z2", probe.y]]) element(id).setAttribute("aria-valuetext", signed(value, 2));
    const p = decoded(probe.x, probe.y);
    paint(element("probe-image"), p.map((value, k) => mixed(k, value)));
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
    onPointer("map-plot", event => {
      const {x, y} = event.points[0];
      moveProbe(x, run.dim === 2 ? y : probe.y);
      paint(element("tooltip-image"), decoded(probe.x, probe.y).map((value, k) => mixed(k, value)));
      showTooltip(event.event, `z = ${place(x, y)}`);
    });
    // Not on plotly_unhover: moving the point draws the map anew, which sends one while the pointer is still there.
    element("map-plot").addEventListener("mouseleave", hideTooltip);
    element("map-plot").addEventListener("keydown", event => {
      const step = event.shiftKey ? 0.5 : 0.1;
      const move = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step]}[event.key];
      if (!move) return;
      event.preventDefault();
      moveProbe(probe.x + move[0], run.dim === 2 ? probe.y + move[1] : probe.y);
      announce(element("probe-text").textContent);
    });
    element("tint").addEventListener("change", drawLatent);
    for (const id of ["posterior", "codes"]) element(id).addEventListener("change", drawMap);
    for (const id of ["z1", "z2"]) {
      element(id).addEventListener("input", () => {
        moveProbe(Number(element("z1").value), Number(element("z2").value));
        announce(element("probe-text").textContent);
      });
    }
  }

  // ---- all of it ----

  function drawRun() {
    drawLatent();
    if (!run.map) return;
    drawMap();
    showProbe();
  }

  function drawAll() {
    document.querySelectorAll(".classes").forEach(legend => legend.replaceChildren(...CLASSES.map((name, k) => {
      const entry = document.createElement("span"), image = document.createElement("span");
      image.className = "image";
      image.setAttribute("aria-hidden", "true");
      paint(image, imageColors(k));
      entry.append(image, name);
      return entry;
    })));
    drawLegends();
    drawTraining();
    drawDivergence();
    drawRun();
  }

  choose(0);
  drawAll();

  for (const id of ["training-plot", "divergence-plot"]) keepTicks(id);
  onPointer("latent-plot", event => {
    const {curveNumber: k, x, y} = event.points[0];
    paint(element("tooltip-image"), imageColors(k));
    showTooltip(event.event, `${phrase(k)}, ${atPlace(x, y)}`);
  });
  element("latent-plot").on("plotly_unhover", hideTooltip);
  if (HAS_MAP) listenToMap();
  addEventListener("scroll", hideTooltip, {passive: true});

  const runChoice = element("run-choice");
  if (runChoice) runChoice.addEventListener("change", () => {
    player.stop();
    choose(Number(runChoice.value));
    drawRun();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
