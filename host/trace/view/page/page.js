// SPDX-License-Identifier: BSD-3-Clause
//
// The page, put together: what keys and buttons do.
"use strict";

function toggle() {
  if (travel.playing) stop();
  else play();
}

function step(by) {
  stop();
  goTo(travel.step + by);
}

function pick(by) {
  const list = picks.map(({request}) => request);
  const here = list.indexOf(travel.request);
  travelWith(list[Math.min(Math.max(here + by, 0), list.length - 1)]);
}

const keys = {
  " ": toggle, ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => pick(-1),
  ArrowDown: () => pick(1), Home: () => step(-Infinity), End: () => step(Infinity),
};
const heatKeys = {
  ArrowLeft: () => moveCell(-1, 0), ArrowRight: () => moveCell(1, 0),
  ArrowUp: () => moveCell(0, 1), ArrowDown: () => moveCell(0, -1), Enter: showCell,
};

// A control has its own keys, of which only the arrows mean something here.
function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const {tagName, id} = event.target;
  if (tagName === "SELECT" || (tagName === "BUTTON" && event.key === " ")) return;
  const action = (id === "heat" ? heatKeys : keys)[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function scrub(event) {
  if (event.buttons === 0) return;
  stop();
  goToTime(travel.scale.at(event.clientX - byId("timeline").getBoundingClientRect().left));
}

function listPicks() {
  byId("pick").append(...picks.map(({words, request}) => html(
    "option", {value: request}, words)));
  byId("pick").addEventListener("change", (event) => travelWith(Number(event.target.value)));
}

function listen() {
  for (const [id, action] of Object.entries({
    first: keys.Home, back: keys.ArrowLeft, play: toggle, next: keys.ArrowRight, last: keys.End}))
    byId(id).addEventListener("click", action);
  for (const moved of ["pointerdown", "pointermove"])
    byId("timeline").addEventListener(moved, scrub);
  byId("path").addEventListener("click", ({target}) => {
    const there = travel.visits.findIndex(({stage}) => String(stage) === target.dataset.stage);
    if (there >= 0) step(there - travel.step);
  });
  document.addEventListener("keydown", onKey);
  addEventListener("resize", () => { drawTravel(); drawHeat(); });
}

heading();
listFacts();
listHops();
tellUncertainty();
tellHeat();
listPicks();
listen();
travelWith(picks[0].request);
drawHeat();
