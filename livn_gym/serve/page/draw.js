// Draws what app.js knows: the map, the raster and the traces. No state but colours.

export const POPULATION = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"];
const INK = "#1d2733", QUIET = "#5d6b7a", GRID = "#e6eaef";
const VIRIDIS = ["#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725"];
const ORANGES = ["#fff5eb", "#fdd0a2", "#fd8d3c", "#d94801", "#7f2704"];
const CELL_RATE_HZ = 30;  // upper end of the cells' colours
export const TRACE_S = 20, RASTER_S = 5;
const LEFT = 44, RIGHT = 8, TOP = 4, BOTTOM = 17;

function ramp(stops) {
  const rgb = stops.map(c => [1, 3, 5].map(k => parseInt(c.slice(k, k + 2), 16)));
  return Array.from({ length: 256 }, (_, i) => {
    const place = i / 255 * (rgb.length - 1), k = Math.min(rgb.length - 2, Math.floor(place)), f = place - k;
    return rgb[k].map((v, j) => Math.round(v + (rgb[k + 1][j] - v) * f));
  });
}
const viridis = ramp(VIRIDIS), oranges = ramp(ORANGES);
const css = c => `rgb(${c[0]},${c[1]},${c[2]})`;
const viridisCss = viridis.map(css), orangesCss = oranges.map(css);
const shade = share => Math.max(0, Math.min(255, Math.round(255 * share)));
export const gradients = [VIRIDIS, ORANGES].map(stops => `linear-gradient(90deg, ${stops.join(",")})`);

function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, w, h);
  g.font = "11px system-ui, 'DejaVu Sans', sans-serif";
  return [g, w, h];
}

// Where things lie on the map, in pixels.
export function place(canvas, scene) {
  const [[x0, y0], [x1, y1]] = scene.box, w = canvas.clientWidth, h = canvas.clientHeight;
  const size = Math.max(x1 - x0, y1 - y0), pad = 14, bar = 22;
  const scale = Math.max(0.001, Math.min((w - 2 * pad) / (x1 - x0 + 0.08 * size), (h - 2 * pad - bar) / (y1 - y0 + 0.08 * size)));
  const cx = (x0 + x1) / 2, cy = (y0 + y1) / 2;
  return { scale, at: ([x, y]) => [w / 2 + (x - cx) * scale, (h - bar) / 2 - (y - cy) * scale] };
}

export function nearest(canvas, scene, px, py) {
  const { scale, at } = place(canvas, scene);
  let best = -1, least = Infinity;
  scene.electrodes.forEach((e, i) => {
    const [x, y] = at(e), d = Math.hypot(x - px, y - py);
    if (d < least) { least = d; best = i; }
  });
  return least <= Math.max(10, 0.5 * scene.pitch * scale) ? best : -1;
}

// The nearest electrode in a direction: sideways counts double, so that rows and columns are kept to; itself at the edge.
export function beside(scene, from, [dx, dy]) {
  const [x, y] = scene.electrodes[from];
  let best = from, least = Infinity;
  scene.electrodes.forEach(([ex, ey], i) => {
    const along = (ex - x) * dx + (ey - y) * dy, across = Math.abs((ex - x) * dy) + Math.abs((ey - y) * dx);
    if (along > 1e-6 && along + 2 * across < least) { least = along + 2 * across; best = i; }
  });
  return best;
}

export function map(canvas, scene, frame, hover) {
  const [g, w, h] = prepare(canvas), { scale, at } = place(canvas, scene), many = scene.electrodes.length > 100;
  const side = Math.max(2.5, Math.min(24, 0.34 * scene.pitch * scale)), held = frame ? frame.held : {};
  g.textAlign = "center";
  scene.electrodes.forEach((e, i) => {
    const [x, y] = at(e), share = frame && frame.charge.length ? frame.charge[i] : 0;
    g.fillStyle = share > 0 ? orangesCss[shade(share)] : "#ffffff";
    g.strokeStyle = i === hover ? INK : "#98a3af";
    g.lineWidth = i === hover ? 2.5 : many ? 0.6 : 1.2;
    g.beginPath();
    g.rect(x - side / 2, y - side / 2, side, side);
    g.fill();
    g.stroke();
    if (i in held) {
      g.strokeStyle = "#CC0077";
      g.lineWidth = 2.5;
      g.strokeRect(x - side / 2 - 4, y - side / 2 - 4, side + 8, side + 8);
    }
  });
  const n = scene.cells.length, [[x0, y0], [x1, y1]] = scene.box;
  const r = Math.max(1, Math.min(6.5, 0.19 * scale * Math.sqrt((x1 - x0) * (y1 - y0) / n)));
  scene.populations.forEach((population, p) => {
    g.strokeStyle = "#303030";
    g.lineWidth = 0.6;
    for (let i = population.start; i < population.stop; i++) {
      const [x, y] = at(scene.cells[i]), rate = frame ? frame.counts[i] : 0;
      g.fillStyle = viridisCss[shade(Math.pow(rate / CELL_RATE_HZ, 0.6))];
      if (r < 2) { g.fillRect(x - r, y - r, 2 * r, 2 * r); continue; }
      g.beginPath();
      if (p === 0) g.arc(x, y, r, 0, 7);
      else { g.moveTo(x, y - 1.3 * r); g.lineTo(x + 1.15 * r, y + 0.8 * r); g.lineTo(x - 1.15 * r, y + 0.8 * r); g.closePath(); }
      g.fill();
      g.stroke();
    }
  });
  if (!many) scene.electrodes.forEach((e, i) => {
    const [x, y] = at(e);
    g.lineWidth = 3;
    g.strokeStyle = "rgba(255,255,255,.85)";
    g.strokeText(i, x, y - side / 2 - 5);
    g.fillStyle = INK;
    g.fillText(i, x, y - side / 2 - 5);
  });
  const length = nice((x1 - x0) / 3), pixels = length * scale;
  g.fillStyle = INK;
  g.fillRect(14, h - 13, pixels, 3);
  g.textAlign = "left";
  g.fillText(`${length} µm`, 20 + pixels, h - 8);
  if (hover >= 0 && frame) tooltip(g, w, h, at(scene.electrodes[hover]), side, hover, frame);
}

function tooltip(g, w, h, [x, y], side, channel, frame) {
  const rate = frame.channelRates ? `${frame.channelRates[channel].toFixed(1)} Hz` : "";
  const charge = frame.charge.length ? `charge ${Math.round(100 * frame.charge[channel])} %` : "";
  const text = [`channel ${channel}`, rate, charge].filter(Boolean).join(" · "), width = g.measureText(text).width + 14;
  const left = Math.max(2, Math.min(w - width - 2, x - width / 2)), top = y + side / 2 + 26 < h ? y + side / 2 + 6 : y - side / 2 - 40;
  g.fillStyle = "rgba(29,39,51,.92)";
  g.beginPath();
  g.roundRect(left, top, width, 20, 4);
  g.fill();
  g.fillStyle = "#ffffff";
  g.fillText(text, left + 7, top + 14);
}

function nice(value) {
  const power = Math.pow(10, Math.floor(Math.log10(value)));
  return [5, 2, 1].map(k => k * power).find(v => v <= value) || power;
}

function axes(g, w, h, from, to, label) {
  g.textAlign = "center";
  const step = nice((to - from) / 4);
  for (let t = Math.ceil(from / step) * step; t <= to + 1e-9; t += step) {
    const x = LEFT + (t - from) / (to - from) * (w - LEFT - RIGHT);
    g.strokeStyle = GRID;
    g.lineWidth = 1;
    g.beginPath();
    g.moveTo(x, TOP);
    g.lineTo(x, h - BOTTOM);
    g.stroke();
    g.fillStyle = QUIET;
    if (x < w - 22) g.fillText(`${+t.toFixed(3)} s`, x, h - 4);
  }
  g.strokeStyle = "#b7c0ca";
  g.strokeRect(LEFT, TOP, w - LEFT - RIGHT, h - TOP - BOTTOM);
  if (label) vertical(g, h, label);
}

function vertical(g, h, label) {
  g.save();
  g.translate(11, TOP + (h - TOP - BOTTOM) / 2);
  g.rotate(-Math.PI / 2);
  g.fillStyle = QUIET;
  g.fillText(label, 0, 0);
  g.restore();
}

function scaleY(g, h, low, high) {
  const y = v => h - BOTTOM - (v - low) / (high - low) * (h - TOP - BOTTOM);
  g.textAlign = "right";
  g.fillStyle = QUIET;
  const step = nice((high - low) / 1.6);
  for (let v = Math.ceil(low / step) * step; v <= high + 1e-9; v += step) g.fillText(String(+v.toFixed(3)), LEFT - 4, Math.max(TOP + 9, y(v) + 4));
  return y;
}

export function raster(canvas, scene, data) {
  const [g, w, h] = prepare(canvas), to = data.now, from = to - RASTER_S, n = scene.cells.length;
  axes(g, w, h, from, to, "cell");
  const y = gid => TOP + (1 - (gid + 0.5) / n) * (h - TOP - BOTTOM), tall = Math.max(1.2, 0.8 * scene.stride / n * (h - TOP - BOTTOM));
  g.textAlign = "right";
  scene.populations.forEach((p, k) => {
    g.fillStyle = POPULATION[k % POPULATION.length];
    g.fillText(p.name, LEFT - 4, Math.max(TOP + 9, y((p.start + p.stop) / 2) + 4));
  });
  const colour = new Uint8Array(n);
  scene.populations.forEach((p, k) => colour.fill(k, p.start, p.stop));
  scene.populations.forEach((p, k) => {
    g.fillStyle = POPULATION[k % POPULATION.length];
    for (const part of data.spikes) {
      for (let i = 0; i < part.gid.length; i++) {
        const t = part.time[i] / 1000;
        if (t >= from && colour[part.gid[i]] === k) g.fillRect(LEFT + (t - from) / RASTER_S * (w - LEFT - RIGHT), y(part.gid[i]) - tall / 2, 1.3, tall);
      }
    }
  });
}

function line(g, w, h, y, times, values, from, to, colour, width, dash = []) {
  g.strokeStyle = colour;
  g.lineWidth = width;
  g.setLineDash(dash);
  g.beginPath();
  let up = true;
  values.forEach((v, i) => {
    if (v === null || times[i] < from) { up = true; return; }
    const x = LEFT + (times[i] - from) / (to - from) * (w - LEFT - RIGHT);
    if (up) g.moveTo(x, y(v)); else g.lineTo(x, y(v));
    up = false;
  });
  g.stroke();
  g.setLineDash([]);
}

function nothing(g, w, h, text) {
  g.textAlign = "center";
  g.fillStyle = QUIET;
  g.fillText(text, LEFT + (w - LEFT - RIGHT) / 2, TOP + (h - TOP - BOTTOM) / 2 + 4);
}

const top_of = values => values.reduce((most, v) => v !== null && v > most ? v : most, 0);

export function rates(canvas, scene, data) {
  const [g, w, h] = prepare(canvas), to = Math.max(data.now, TRACE_S), from = to - TRACE_S;
  axes(g, w, h, from, to, "Hz");
  if (data.now <= 0) nothing(g, w, h, "No step yet.");
  const seen = data.time.findIndex(t => t >= from), since = values => seen < 0 ? [] : values.slice(seen);
  const high = 1.1 * Math.max(10, top_of(since(data.rate_1s)), top_of(since(data.target)), ...since(data.populations).map(top_of));
  const y = scaleY(g, h, 0, high);
  scene.populations.forEach((p, k) => line(g, w, h, y, data.time, data.populations.map(v => v[k]), from, to, POPULATION[k % POPULATION.length] + "90", 1));
  line(g, w, h, y, data.time, data.rate_1s, from, to, INK, 2.2);
  line(g, w, h, y, data.time, data.target, from, to, "#B3007A", 1.6, [5, 4]);
}

export function goal(canvas, scene, data) {
  const [g, w, h] = prepare(canvas), to = Math.max(data.now, TRACE_S), from = to - TRACE_S;
  axes(g, w, h, from, to, "");
  if (data.now <= 0) nothing(g, w, h, "No step yet.");
  const y = scaleY(g, h, 0, 1.1 * (Math.max(top_of(data.measured), top_of(data.goal)) || 1));
  line(g, w, h, y, data.time, data.measured, from, to, QUIET + "90", 1);
  line(g, w, h, y, data.time, data.measured_1s, from, to, INK, 2.2);
  line(g, w, h, y, data.time, data.goal, from, to, "#B3007A", 1.6, [5, 4]);
}

const heat = document.createElement("canvas");

export function channels(canvas, scene, data) {
  const [g, w, h] = prepare(canvas), to = Math.max(data.now, TRACE_S), from = to - TRACE_S, c = scene.electrodes.length;
  const t = data.channels.length, early = data.time.length - t;
  const high = data.channels.reduce((most, v, i) => data.time[early + i] < from ? most : Math.max(most, top_of(v)), 10);
  if (t) {
    heat.width = t;
    heat.height = c;
    const picture = new ImageData(t, c);
    data.channels.forEach((values, i) => values.forEach((v, k) => {
      const at = 4 * ((c - 1 - k) * t + i), rgb = viridis[shade(Math.sqrt(v / high))];
      picture.data.set([rgb[0], rgb[1], rgb[2], 255], at);
    }));
    heat.getContext("2d").putImageData(picture, 0, 0);
    const wide = (w - LEFT - RIGHT) / TRACE_S, step = scene.step_ms / 1000, first = data.time[early] - step;
    g.save();
    g.beginPath();
    g.rect(LEFT, TOP, w - LEFT - RIGHT, h - TOP - BOTTOM);
    g.clip();
    g.imageSmoothingEnabled = false;
    g.drawImage(heat, LEFT + (first - from) * wide, TOP, (data.now - first) * wide, h - TOP - BOTTOM);
    g.restore();
  }
  axes(g, w, h, from, to, "channel");
  g.fillStyle = QUIET;
  g.textAlign = "right";
  g.fillText("0", LEFT - 4, h - BOTTOM);
  if (c > 1) g.fillText(c - 1, LEFT - 4, TOP + 9);
  if (data.now <= 0) nothing(g, w, h, "No step yet.");
  else if (!t) nothing(g, w, h, "This task's decoding gives no rate by channel.");
  return high;
}

export function reward(canvas, scene, data) {
  const [g, w, h] = prepare(canvas), to = Math.max(data.now, TRACE_S), from = to - TRACE_S;
  axes(g, w, h, from, to, "");
  const seen = data.reward.filter(v => v !== null);
  if (!seen.length) return nothing(g, w, h, "No step yet.");
  const low = Math.min(0, ...seen), high = Math.max(0, ...seen);
  const y = scaleY(g, h, low - 0.06 * (high - low || 1), high + 0.06 * (high - low || 1)), wide = scene.step_ms / 1000 / TRACE_S * (w - LEFT - RIGHT);
  data.reward.forEach((v, i) => {
    if (v === null || data.time[i] < from) return;
    const x = LEFT + (data.time[i] - from) / TRACE_S * (w - LEFT - RIGHT);
    g.fillStyle = v < 0 ? "#D55E00" : "#009E73";
    g.fillRect(x - wide, Math.min(y(0), y(v)), Math.max(1, wide - 0.5), Math.max(1, Math.abs(y(v) - y(0))));
  });
}
