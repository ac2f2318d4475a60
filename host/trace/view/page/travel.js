// SPDX-License-Identifier: BSD-3-Clause
//
// Travel: which request is shown, and how far it has come. Everything that moves is set from here.
"use strict";

const TRIP_MS = 6000;  // a whole way, when it's played
const STEP_MS = 900;   // a step, for those who don't want to see things move
const still = matchMedia("(prefers-reduced-motion: reduce)");

const travel = {visits: [], points: [], scale: null, step: 0, time: 0, request: 0, playing: 0};

// Where a request came by, with the time to the next. Times are drawn in order, also where the
// clocks' uncertainty makes a hop seem to end before it began.
function visitsOf({at}) {
  const visits = [];
  at.forEach((time, stage) => {
    if (time === null) return;
    const before = visits.at(-1);
    if (before) before.ns = time - before.real;
    visits.push({stage, real: time, at: Math.max(time, before?.at ?? time), ns: 0});
  });
  return visits;
}

function travelWith(request) {
  stop();
  travel.request = request;
  travel.visits = visitsOf(requests[request]);
  byId("pick").value = picks.some((pick) => pick.request === request) ? request : "";
  const {queue, index, marks} = requests[request];
  const whole = inMicro(elapsed(travel.visits.length - 1));
  byId("chosen").textContent =
    [`queue ${queue}, request ${index}, ${whole}`, ...marks.map(({words}) => words)].join("; ");
  listSteps();
  drawTravel();
}

function drawTravel() {
  travel.points = drawPath(travel.visits);
  travel.scale = drawTimeline(travel.visits, requests[travel.request].marks);
  goTo(Math.min(travel.step, travel.visits.length - 1));
}

const elapsed = (step) => travel.visits[step].real - travel.visits[0].real;

function goTo(step) {
  travel.step = Math.min(Math.max(step, 0), travel.visits.length - 1);
  travel.time = travel.visits[travel.step].at;
  showTravel(0);
}

function goToTime(time) {
  const {visits} = travel;
  travel.time = time;
  travel.step = Math.max(visits.findLastIndex((visit) => visit.at <= time), 0);
  const here = visits[travel.step];
  const next = visits[travel.step + 1];
  showTravel(next && next.at > here.at ? (time - here.at) / (next.at - here.at) : 0);
}

function showTravel(part) {
  const {visits, step, time} = travel;
  moveToken(travel.points, visits, step, part);
  moveCursor(travel.scale, time);
  const {name} = stages[visits[step].stage];
  const label = `${inMicro(time - visits[0].at)}, ${name}`;
  byId("now").textContent = label;
  const timeline = byId("timeline");
  timeline.setAttribute("aria-valuemin", 0);
  timeline.setAttribute("aria-valuemax", visits.at(-1).at - visits[0].at);
  timeline.setAttribute("aria-valuenow", time - visits[0].at);
  timeline.setAttribute("aria-valuetext", label);
  for (const button of byId("steps").querySelectorAll("button")) {
    const here = Number(button.dataset.stage) === visits[step].stage;
    if (here) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
  }
}

function listSteps() {
  byId("steps").replaceChildren(...reached.map((stage) => {
    const step = travel.visits.findIndex((visit) => visit.stage === stage);
    const {name, side, words, source} = stages[stage];
    const button = html("button", {class: side, "data-stage": stage},
      html("i"), html("b", {}, name), html("span", {}, step < 0 ? "–" : inMicro(elapsed(step))),
      html("small", {}, step < 0 ? "it didn't come by here" : words, html("br"),
           html("code", {}, source)));
    button.disabled = step < 0;
    button.addEventListener("click", () => { stop(); goTo(step); });
    return html("li", {}, button);
  }));
}

function stop() {
  clearTimeout(travel.playing);
  cancelAnimationFrame(travel.playing);
  travel.playing = 0;
  byId("play").classList.remove("playing");
}

function play() {
  const {visits} = travel;
  if (travel.step === visits.length - 1) goTo(0);
  byId("play").classList.add("playing");
  (still.matches ? playSteps : playSmoothly)();
}

function playSmoothly() {
  const {visits} = travel;
  const [first, last] = [visits[0].at, visits.at(-1).at];
  let before = performance.now();
  const move = (now) => {
    const time = travel.time + (now - before) * (last - first) / TRIP_MS;
    before = now;
    if (time >= last) return void (stop(), goTo(visits.length - 1));
    goToTime(time);
    travel.playing = requestAnimationFrame(move);
  };
  travel.playing = requestAnimationFrame(move);
}

function playSteps() {
  travel.playing = setTimeout(() => {
    goTo(travel.step + 1);
    if (travel.step < travel.visits.length - 1) playSteps();
    else stop();
  }, STEP_MS);
}
