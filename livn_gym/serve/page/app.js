// Connects to the loop, keeps the last seconds of it, and turns clicks into messages.
import * as draw from "./draw.js";

const $ = id => document.getElementById(id);
const LABELS = {
  rate_hz: "rate, this step (Hz)", rate_1s_hz: "rate, last second (Hz)", target_hz: "target (Hz)", error_hz: "error, last second (Hz)",
  error_step_hz: "error, this step (Hz)", charge_nC: "charge, this step (nC)", charge_fraction: "of highest charge (%)", time_ms: "time (s)",
};
// What is kept of every step: our name of it, and that in a frame.
const TRACES = {
  rate_1s: "rate_1s", target: "target", measured: "measured", measured_1s: "measured_1s", goal: "goal", reward: "reward", wall: "wall_ms",
  populations: "populations", channels: "channels",
};
let socket = null, scene = null, frame = null, hover = -1, dirty = false, ref = 0, missed = 0, ending = "";
let data = empty();

function empty() {
  return { last: null, now: 0, time: [], rate_1s: [], target: [], measured: [], measured_1s: [], goal: [], reward: [], wall: [], populations: [], channels: [], spikes: [] };
}

// Messages

function send(message) {
  if (!socket || socket.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ ...message, ref: ++ref }));
}

function connect() {
  // The address holds the token that livn-gym serve has printed; the WebSocket asks for it as well.
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/socket${location.search}`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { missed = 0; ending = ""; };
  socket.onmessage = event => {
    if (typeof event.data !== "string") return takeFrame(event.data);
    const message = JSON.parse(event.data);
    if (message.type === "scene") takeScene(message);
    else if (message.type === "status") message.error ? end(message.error) : veil(`Building ${message.id}. The first time takes some seconds to compile.`);
    else if (message.type === "error") { notice(message.message, "error"); controls(true); }
    else if (message.note) notice(message.note, "note");
    else $("notice").hidden = true;  // what was said before has been dealt with
  };
  socket.onclose = () => {
    missed += 1;
    badge("stopped", "no connection");
    veil(`${ending || "No connection to the culture. Is livn-gym serve still running?"} Trying again ...`);
    controls(false);
    setTimeout(again, Math.min(5000, 500 * missed));
  };
}

// A server that was started anew has another token, so that this address is of no more use.
async function again() {
  const answer = await fetch(location.href, { cache: "no-store" }).catch(() => null);
  if (answer && answer.status === 403) veil("livn-gym serve was started anew. Open the address that it has printed.");
  else connect();
}

function takeScene(message) {
  scene = message;
  scene.pitch = pitch(scene);
  data = empty();
  frame = null;
  hover = -1;
  fill($("task"), scene.ids, scene.id, id => id.replace("livn/", ""));
  fill($("agent"), scene.agents, null, name => name);
  $("amplitude").max = scene.max_amplitude_uA;
  $("raster-note").textContent = scene.stride > 1 ? `of 1 in ${scene.stride} cells, last ${draw.RASTER_S} s` : `of the last ${draw.RASTER_S} s`;
  legend();
  key(false);
  document.title = `${scene.id} · livn_gym live`;
}

function takeFrame(buffer) {
  if (!scene) return;
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  if (head.scene !== scene.scene) return;
  const start = 4 + length, s = head.spikes;
  head.counts = new Uint8Array(buffer, start + 8 * s, head.neurons);
  const fresh = { gid: new Uint32Array(buffer, start, s), time: new Float32Array(buffer, start + 4 * s, s) };
  remember(head.steps, fresh);
  head.channelRates = data.channels.length ? data.channels[data.channels.length - 1] : null;
  const first = frame === null;
  if (first || head.agent !== frame.agent) $("agent").value = head.agent;
  if (first || head.strength !== frame.strength) { $("strength").value = head.strength; outputs(); }
  if (first || head.speed !== frame.speed) $("speed").value = head.speed === null ? "max" : String(head.speed);
  if (first && head.seed !== null) $("seed").placeholder = "next trial";
  frame = head;
  show();
}

function remember(steps, spikes) {
  const n = steps.number.length;
  if (!n) return;
  if (data.last !== null && steps.number[0] !== data.last + 1) data = empty();
  data.last = steps.number[n - 1];
  const seconds = steps.time_ms.map(t => t / 1000);
  data.now = seconds[n - 1];
  data.time.push(...seconds);
  for (const [own, theirs] of Object.entries(TRACES)) data[own].push(...steps[theirs]);
  if (spikes.gid.length) data.spikes.push({ ...spikes, until: data.now });
  const old = data.time.findIndex(t => t >= data.now - draw.TRACE_S - 1);
  if (old > 0) for (const name of ["time", ...Object.keys(TRACES)]) data[name].splice(0, Math.min(old, data[name].length));
  data.spikes = data.spikes.filter(part => part.until >= data.now - draw.RASTER_S);
}

// What is shown

function show() {
  const busy = frame.status === "building" || frame.status === "settling";
  badge(frame.status, frame.status);
  if (busy && (frame.status === "building" || frame.id !== scene.id)) veil(`Building ${frame.id}. The first time takes some seconds to compile.`);
  else if (frame.status === "stopped") end(frame.error || "the program has ended");
  else $("veil").hidden = true;
  if (frame.error && frame.status !== "stopped") notice(frame.status === "paused" ? `Paused: ${frame.error}` : frame.error, "error");
  controls(frame.status !== "building" && frame.status !== "stopped");
  $("pause").textContent = frame.status === "paused" ? "Resume" : "Pause";
  $("strength-label").hidden = $("agent").value !== "constant";
  const held = Object.entries(frame.held);
  $("stop-hand").disabled = !held.length;
  $("hand-state").textContent = !held.length ? "No pulses requested." : `Pulses on ${held.length > 4 ? `${held.length} channels` : `channel ${held.map(([c, a]) => `${c} (${a} µA)`).join(", ")}`}.`;
  if (data.target.some(v => v !== null)) key(true);
  $("goal").hidden = $("goal-heading").hidden = !frame.followed;
  $("goal-name").textContent = frame.followed.replaceAll("_", " ").replace(/^./, c => c.toUpperCase());
  numbers();
  if (!dirty) { dirty = true; requestAnimationFrame(paint); }
}

function paint() {
  dirty = false;
  if (!scene || !frame) return;
  draw.map($("map"), scene, frame, hover);
  draw.raster($("raster"), scene, data);
  draw.rates($("rates"), scene, data);
  const high = draw.channels($("channels"), scene, data);
  $("channel-note").textContent = data.channels.length ? `dark 0, bright ${high.toFixed(0)} Hz` : "";
  if (frame.followed) draw.goal($("goal"), scene, data);
  draw.reward($("reward"), scene, data);
  const last = frame.last_return === null ? "" : `; the episode before ${frame.last_return.toFixed(2)}`;
  $("reward-note").textContent = `this episode so far ${(frame.return ?? 0).toFixed(2)}${last}`;
  document.body.dataset.painted = String(frame.steps.number.length ? data.last : data.last ?? "");
}

function numbers() {
  const wall = data.wall.filter(v => v > 0).slice(-20), mean = wall.reduce((a, b) => a + b, 0) / (wall.length || 1);
  const rows = [
    ["episode", frame.episode], ["step", scene.max_steps ? `${frame.step} of ${scene.max_steps}` : frame.step], ["seed", frame.seed],
    ["computing a step", wall.length ? `${mean.toFixed(1)} of ${scene.step_ms} ms` : "–"],
    ...Object.entries(frame.info).map(([name, v]) => [LABELS[name] || name.replaceAll("_", " "), v === null ? "–" : name === "time_ms" ? (v / 1000).toFixed(1) : name === "charge_fraction" ? (100 * v).toFixed(1) : +v.toPrecision(4)]),
  ];
  const list = $("numbers");
  if (list.children.length !== rows.length) {
    list.replaceChildren(...rows.map(() => { const box = document.createElement("div"); box.append(document.createElement("dt"), document.createElement("dd")); return box; }));
  }
  rows.forEach(([name, value], i) => {
    const [term, text] = list.children[i].children;
    if (term.textContent !== name) { term.textContent = name; term.title = name; }
    text.textContent = value;
  });
}

function legend() {
  const names = scene.populations.map((p, k) => `${k ? "▲" : "●"} ${p.name}, ${p.stop - p.start} cells`).join("   ");
  const box = $("map-legend");
  box.replaceChildren(...[names, "cell, last second 0|30 Hz", "electrode, charge 0|100 %"].map((text, i) => {
    const span = document.createElement("span"), [left, right] = text.split("|");
    span.append(left);
    if (right) { const bar = document.createElement("i"); bar.style.background = draw.gradients[i - 1]; span.append(bar, right); }
    return span;
  }));
}

function key(target) {
  const rows = [...scene.populations.map((p, k) => [p.name, draw.POPULATION[k % 5], ""]), ["all, last second", "#1d2733", ""], ...(target ? [["target", "#B3007A", "dashed"]] : [])];
  if ($("rate-key").children.length === rows.length) return;
  $("rate-key").replaceChildren(...rows.map(([name, colour, kind]) => {
    const span = document.createElement("span");
    span.textContent = name;
    span.style.color = colour;
    span.className = kind;
    return span;
  }));
}

function fill(select, values, chosen, name) {
  if (select.children.length !== values.length || [...select.children].some((o, i) => o.value !== values[i]))
    select.replaceChildren(...values.map(value => { const option = document.createElement("option"); option.value = value; option.textContent = name(value); return option; }));
  if (chosen !== null) select.value = chosen;
}

function badge(kind, text) { $("status").className = `badge ${kind}`; $("status").textContent = text; }
function veil(text) { $("veil").hidden = false; $("veil-text").textContent = text; }
function end(why) { ending = `It stopped: ${why}.`; veil(ending); }
function notice(text, kind) { $("notice").hidden = false; $("notice").className = kind; $("notice-text").textContent = text; if (frame) { $("agent").value = frame.agent; $("task").value = frame.id; } }
function controls(on) { for (const id of ["task", "agent", "pause", "step", "speed", "reset"]) $(id).disabled = !on; }
function outputs() { $("amplitude-value").textContent = `${(+$("amplitude").value).toFixed(1)} µA`; $("strength-value").textContent = (+$("strength").value).toFixed(2); }
function pitch({ electrodes, box }) {
  const [x, y] = electrodes[0], others = electrodes.slice(1).map(e => Math.hypot(e[0] - x, e[1] - y));
  return others.length ? Math.min(...others) : 0.4 * (box[1][0] - box[0][0]);
}

// What a person does

$("task").onchange = () => send({ type: "task", id: $("task").value });
$("agent").onchange = () => { $("strength-label").hidden = $("agent").value !== "constant"; send({ type: "agent", name: $("agent").value, strength: +$("strength").value }); };
$("strength").oninput = outputs;
$("strength").onchange = () => send({ type: "agent", name: "constant", strength: +$("strength").value });
$("pause").onclick = () => send({ type: frame && frame.status === "paused" ? "resume" : "pause" });
$("step").onclick = () => send({ type: "step" });
$("speed").onchange = () => send({ type: "speed", factor: $("speed").value === "max" ? null : +$("speed").value });
$("reset").onclick = () => {
  const text = $("seed").value.trim();
  if (text !== "" && !/^\d{1,15}$/.test(text)) return notice("A seed is a whole number from 0 on; leave it empty for the next trial.", "error");
  send({ type: "reset", seed: text === "" ? null : Number(text) });
};
$("seed").onkeydown = event => { if (event.key === "Enter") $("reset").click(); };
$("amplitude").oninput = outputs;
$("stop-hand").onclick = () => send({ type: "stimulate", channels: Object.keys(frame.held).map(Number), amplitude_uA: 0, steps: 1 });
$("notice-close").onclick = () => { $("notice").hidden = true; };
$("map").onmousemove = event => {
  if (!scene) return;
  const now = draw.nearest($("map"), scene, event.offsetX, event.offsetY);
  if (now !== hover) { hover = now; $("map").style.cursor = now >= 0 ? "pointer" : "default"; if (!dirty) { dirty = true; requestAnimationFrame(paint); } }
};
$("map").onmouseleave = () => { hover = -1; if (!dirty) { dirty = true; requestAnimationFrame(paint); } };
$("map").onclick = event => { if (scene) stimulate(draw.nearest($("map"), scene, event.offsetX, event.offsetY)); };
$("map").onkeydown = event => {
  const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (!scene || !(way || event.key === "Enter")) return;
  event.preventDefault();
  if (event.key === "Enter") return stimulate(hover);
  choose(hover < 0 ? 0 : draw.beside(scene, hover, way));
};
$("map").onfocus = () => { if (scene && hover < 0 && $("map").matches(":focus-visible")) choose(0); };
$("map").onblur = () => choose(-1);
function stimulate(channel) {
  if (channel >= 0) send({ type: "stimulate", channels: [channel], amplitude_uA: +$("amplitude").value, steps: +$("hand-steps").value });
}
function choose(channel) {
  hover = channel;
  $("map-chosen").textContent = channel < 0 ? "" : `Channel ${channel}. Enter stimulates.`;
  if (!dirty) { dirty = true; requestAnimationFrame(paint); }
}
document.onkeydown = event => {
  if (event.code === "Space" && ["BODY", "CANVAS"].includes(event.target.tagName)) { event.preventDefault(); $("pause").click(); }
};
window.onresize = () => { if (!dirty) { dirty = true; requestAnimationFrame(paint); } };
outputs();
connect();
