// SPDX-License-Identifier: BSD-3-Clause
// Keeps the samples of the last minutes, and shows those of one moment: now, or an earlier one.
"use strict";

const KEPT = 300;    // seconds
const SHOWN = 60;    // seconds, in a card's curve
const DRAWN = 10;    // times a second at most
const $ = id => document.getElementById(id);

const samples = new Map();  // of each socket, the oldest first
const cards = new Map();
let newest = 0;      // the time of the newest sample
let moment = null;   // that is shown; null: now
let playing = true;
let connected = false;

function keep(sample) {
  const socket = sample.device.socket;
  if (!samples.has(socket)) samples.set(socket, []);
  const all = samples.get(socket);
  all.push(sample);
  while (all[0].at < sample.at - KEPT) all.shift();
  newest = Math.max(newest, sample.at);
}

function shownAt() {
  return moment === null ? newest : moment;
}

function show() {
  const at = shownAt();
  for (const [socket, all] of samples) {
    const past = all.filter(sample => sample.at <= at && sample.at > at - SHOWN);
    if (!past.length) continue;
    if (!cards.has(socket)) {
      cards.set(socket, new Card(socket));
      const after = [...cards.keys()].sort().find(other => other > socket);
      $("devices").insertBefore(cards.get(socket).element,
        after === undefined ? null : cards.get(after).element);
    }
    cards.get(socket).show(past, socket);
  }
  document.body.classList.toggle("stopped", !playing);
  $("pause").textContent = playing ? "pause" : "go on";
  $("pause").setAttribute("aria-pressed", String(!playing));
  const late = newest - at;
  const behind = late > .5 ? `${late.toFixed(1)} s ago` : playing ? "now" : "stopped";
  $("where").textContent = connected ? behind : `no connection; ${behind}`;
}

function setPlaying(wanted) {
  playing = wanted;
  if (moment === null && !wanted) moment = newest;
  if (wanted && Number($("speed").value) === 1) moment = null;
}

// To the next sample of any device, or the one before.
function step(direction) {
  setPlaying(false);
  const times = [...samples.values()].flat().map(sample => sample.at).sort((a, b) => a - b);
  const next = direction > 0 ? times.find(at => at > moment) :
    times.filter(at => at < moment).pop();
  if (next !== undefined) moment = next;
}

function slower(by) {
  const speed = $("speed");
  speed.selectedIndex = Math.min(Math.max(speed.selectedIndex + by, 0), speed.options.length - 1);
  changeSpeed();
}

function changeSpeed() {
  if (Number($("speed").value) === 1) moment = playing ? null : moment;
  else if (moment === null) moment = newest;
}

function toNow() {
  $("speed").value = "1";
  moment = null;
  playing = true;
}

const ACTIONS = {back: () => step(-1), on: () => step(1), pause: () => setPlaying(!playing),
  now: toNow};
const KEYS = {" ": ACTIONS.pause, ArrowLeft: ACTIONS.back, ArrowRight: ACTIONS.on, End: toNow,
  "-": () => slower(1), "+": () => slower(-1)};
for (const [id, act] of Object.entries(ACTIONS))
  $(id).addEventListener("click", () => { act(); show(); });
$("speed").addEventListener("change", () => { changeSpeed(); show(); });
document.addEventListener("keydown", event => {
  const onControl = ["BUTTON", "SELECT"].includes(event.target.tagName);
  if (!KEYS[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
  if (onControl && (event.key === " " || event.target.tagName === "SELECT")) return;
  event.preventDefault();
  KEYS[event.key]();
  show();
});

let last = performance.now();
setInterval(() => {
  const now = performance.now(), passed = (now - last) / 1000;
  last = now;
  if (playing && moment !== null) {
    moment = Math.min(moment + passed * Number($("speed").value), newest);
  }
  if (!document.hidden) show();
}, 1000 / DRAWN);

function connect() {
  const socket = new WebSocket(`ws://${location.host}/live${location.search}`);
  socket.onopen = () => { connected = true; };
  socket.onmessage = event => keep(JSON.parse(event.data));
  socket.onclose = () => {
    connected = false;
    setTimeout(connect, 1000);
  };
}
connect();
