// SPDX-License-Identifier: BSD-3-Clause
// Shows one moment of a source: of the running devices, or of a recorded trace.
"use strict";

const DRAWN = 4;     // times a second at most
const $ = id => document.getElementById(id);

const live = new Live();
const replays = new Map();   // by name
let source = live;
const cards = new Map(), forms = new Map();   // by socket, or a trace's name
let page = {faults: false, devices: 1, interval: .1};
let moment = null;   // that is shown; null: now
let playing = true;
let connected = false;
let socket = null;

function shownAt() {
  return moment === null ? source.last : moment;
}

function cardOf(key) {
  if (!cards.has(key)) {
    cards.set(key, new Card(key));
    const after = [...cards.keys()].sort().find(other => other > key);
    $("devices").insertBefore(cards.get(key).element,
      after === undefined ? null : cards.get(after).element);
  }
  return cards.get(key);
}

// One of a device that takes faults; of another, if this page may ask, why there is none.
function showFaults(key, card, device) {
  if (!source.live || !page.faults || device.error) return;
  if (device.takes_faults && !forms.has(key)) {
    forms.set(key, new FaultForm(key, send));
    card.element.append(forms.get(key).element);
  }
  if (forms.has(key)) forms.get(key).show(device);
}

function show() {
  const at = shownAt();
  for (const [key, view] of source.views(at, playing)) {
    const card = cardOf(key);
    card.show(view);
    showFaults(key, card, view.device);
  }
  document.body.classList.toggle("stopped", !playing);
  $("pause").textContent = playing ? "pause" : "go on";
  $("pause").setAttribute("aria-pressed", String(!playing));
  const says = source.says(at, playing);
  $("where").textContent = connected || !source.live ? says : `no connection; ${says}`;
}

function speed() {
  return Number($("speed").value);
}

function setPlaying(wanted) {
  playing = wanted;
  if (moment === null && !wanted) moment = source.last;
  if (wanted && source.live && speed() === 1) moment = null;
  if (wanted && !source.live && moment >= source.last) moment = source.first;
}

function step(direction) {
  setPlaying(false);
  const next = source.step(moment, direction);
  if (next !== undefined) moment = next;
}

function slower(by) {
  const chosen = $("speed");
  chosen.selectedIndex = Math.min(Math.max(chosen.selectedIndex + by, 0), chosen.options.length - 1);
  changeSpeed();
}

function changeSpeed() {
  source.speed = speed();
  if (!source.live) return;
  if (speed() === 1) moment = playing ? null : moment;
  else if (moment === null) moment = source.last;
}

function toNow() {
  playing = source.live;
  if (source.live) $("speed").value = "1";
  moment = source.live ? null : source.last;
}

function toFirst() {
  setPlaying(false);
  moment = source.first;
}

// Of another source nothing stays.
function choose(chosen) {
  source = chosen;
  playing = true;
  moment = source.live ? null : source.first;
  cards.clear();
  forms.clear();
  $("devices").replaceChildren();
  $("speed").replaceChildren(...source.speeds.map(([value, words]) => new Option(words, value)));
  $("speed").value = String(source.speed || source.usual);
  source.speed = speed();
  $("now").textContent = source.live ? "now" : "end";
  $("sampled").textContent = source.sampled(page);
}

function offerSources() {
  const chosen = $("source").value;
  const options = [...replays.keys()].map(name => new Option(name, `trace ${name}`));
  if (page.devices > 0) options.unshift(new Option("running devices", "live"));
  $("source").replaceChildren(...options);
  $("source").closest("label").hidden = options.length < 2;
  if (options.some(option => option.value === chosen)) $("source").value = chosen;
  chooseNamed();
}

function chooseNamed() {
  const name = $("source").value;
  const chosen = name.startsWith("trace ") ? replays.get(name.slice(6)) : live;
  if (chosen !== source || !$("speed").options.length) choose(chosen);
}

const ACTIONS = {back: () => step(-1), on: () => step(1), pause: () => setPlaying(!playing),
  now: toNow};
const KEYS = {" ": ACTIONS.pause, ArrowLeft: ACTIONS.back, ArrowRight: ACTIONS.on, Home: toFirst,
  End: toNow, "-": () => slower(1), "+": () => slower(-1)};
for (const [id, act] of Object.entries(ACTIONS))
  $(id).addEventListener("click", () => { act(); show(); });
$("speed").addEventListener("change", () => { changeSpeed(); show(); });
$("source").addEventListener("change", () => { chooseNamed(); show(); });
document.addEventListener("keydown", event => {
  const {tagName} = event.target;
  if (!KEYS[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
  if (["SELECT", "INPUT"].includes(tagName) || (tagName === "BUTTON" && event.key === " ")) return;
  event.preventDefault();
  KEYS[event.key]();
  show();
});

let last = performance.now();
function play() {
  const now = performance.now(), passed = (now - last) / 1000;
  last = now;
  if (playing && moment !== null) {
    moment = Math.min(moment + passed * speed(), source.last);
    if (!source.live && moment >= source.last) playing = false;
  }
  if (!document.hidden) show();
}
setInterval(play, 1000 / DRAWN);

function send(request) {
  if (!connected) return false;
  socket.send(JSON.stringify(request));
  return true;
}

const TAKE = {
  device: message => live.keep(message),
  trace: ({trace}) => {  // it comes again when the server does
    if (!replays.has(trace.name)) replays.set(trace.name, new Replay(trace));
    offerSources();
  },
  page: message => {
    page = message.page;
    $("rights").textContent = page.faults ?
      "Of a device that was started with --allow-faults, this page can lose signals." :
      "This page only shows.";
    offerSources();
  },
  // Of a request that could not be read the socket isn't known.
  answer: ({answer}) => (forms.get(answer.socket) || FaultForm.asking)?.answered(answer.error),
};

function connect() {
  socket = new WebSocket(`ws://${location.host}/live${location.search}`);
  socket.onopen = () => { connected = true; };
  socket.onmessage = event => {
    const message = JSON.parse(event.data);
    for (const [kind, take] of Object.entries(TAKE)) if (kind in message) take(message);
  };
  socket.onclose = () => {
    connected = false;
    setTimeout(connect, 1000);
  };
}
choose(live);
connect();
