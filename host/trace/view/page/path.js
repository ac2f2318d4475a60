// SPDX-License-Identifier: BSD-3-Clause
//
// The path, drawn as the architecture is: a column each side, wires between them, the memory that
// they share below. A request goes to the right on its way to the device, down while time passes on
// one side, and to the left on its way back.
"use strict";

const ROW = 56;  // from a stage to the next below it
const TOP = 92;  // where the first one is

// Those that anybody in the trace came by.
const reached = [...new Set(figures.hops.flatMap((hop) => [hop.from, hop.to]))]
  .map((name) => stageAt.get(name)).sort((a, b) => a - b);

// A stage's name stands where no line is: above when it's entered from a wire, below when it's left
// by one, else beside.
function labelled(before, stage, after) {
  if (before === undefined || sideOf(before) !== sideOf(stage)) return "above";
  return after === undefined || sideOf(after) !== sideOf(stage) ? "below" : "beside";
}

// Where each stage is, for a picture of that width.
function placesFor(width) {
  const places = new Map();
  let y = TOP;
  reached.forEach((stage, index) => {
    const before = reached[index - 1];
    if (before !== undefined && sideOf(before) === sideOf(stage)) y += ROW;
    const x = (sides.indexOf(sideOf(stage)) + 0.5) * width / sides.length;
    places.set(stage, {x, y, label: labelled(before, stage, reached[index + 1])});
  });
  return {places, bottom: y + 36};
}

function drawSides(width, bottom) {
  const column = width / sides.length;
  const gap = Math.min(12, column / 20);
  const drawn = sides.map((side, index) => {
    const absent = reached.some((stage) => sideOf(stage) === side) ? "" : " absent";
    return svg("g", {class: side},
      svg("rect", {class: `box${absent}`, x: index * column + gap, y: 24, rx: 8,
                   width: column - 2 * gap, height: bottom - 24}),
      svg("text", {class: "side middle", x: (index + 0.5) * column, y: 48},
          absent ? `no ${side}` : side));
  });
  return [...drawn,
    svg("text", {class: "place", x: gap, y: 14}, wires.guest),
    svg("text", {class: "place end", x: width - gap, y: 14}, wires.host)];
}

function drawMemory(width, bottom) {
  return [
    svg("rect", {class: "memory", id: "memory", x: 4, y: bottom + 18, rx: 6, width: width - 8,
                 height: 28}),
    svg("text", {class: "middle faint", x: width / 2, y: bottom + 36}, wires.memory)];
}

// What joins two sides has its name at the hop that goes over it.
function wireOf(from, to) {
  const ends = `${sideOf(from)} ${sideOf(to)}`;
  return {"process module": wires.kick, "module device": wires.doorbell,
          "process device": wires.doorbell, "device module": wires.interrupt,
          "device process": wires.interrupt, "module process": wires.call}[ends] ?? "";
}

function drawWire(from, to, places) {
  const [start, end] = [places.get(from), places.get(to)];
  if (start.x === end.x) return [];
  const part = start.y === end.y ? 0.5 : 0.3;  // a slanted one's end has a name beside it
  return [svg("text", {class: "wire middle", x: start.x + part * (end.x - start.x),
                       y: start.y + part * (end.y - start.y) + 16}, wireOf(from, to))];
}

function drawTime(from, to, places, ns) {
  const [start, end] = [places.get(from), places.get(to)];
  const along = start.x === end.x;
  const about = crosses(from, to) && Math.abs(ns) < uncertainty ? "~" : "";
  return svg("text", {class: along ? "time" : "time middle",
                      x: (start.x + end.x) / 2 + (along ? 10 : 0),
                      y: (start.y + end.y) / 2 + (along ? 4 : -8)}, about + micro(ns));
}

function drawLabel(stage, {x, y, label}, missed) {
  const at = {above: [x, y - 13, " middle"], below: [x, y + 22, " middle"],
              beside: [x + 12, y + 4, ""]}[label];
  return svg("text", {class: `label${at[2]}${missed}`, x: at[0], y: at[1]}, stages[stage].name);
}

function drawStop(stage, places, visited, bottom) {
  const place = places.get(stage);
  const missed = visited ? "" : " missed";
  const touch = ["submitted", "taken", "posted", "done"].includes(stages[stage].name)
    ? [svg("line", {class: "touch", "data-stage": stage, x1: place.x, x2: place.x, y1: place.y,
                    y2: bottom + 18})] : [];
  return svg("g", {class: sideOf(stage)}, ...touch,
    svg("circle", {class: `stop${missed}`, "data-stage": stage, cx: place.x, cy: place.y, r: 6}),
    drawLabel(stage, place, missed));
}

// `visits` are those of the request that travels: [{stage, at, ns}…].
function drawPath(visits) {
  const element = byId("path");
  const width = widthOf(element);
  const {places, bottom} = placesFor(width);
  const points = visits.map(({stage}) => places.get(stage));
  const joined = points.map(({x, y}) => `${x},${y}`).join(" ");
  const hops = visits.slice(1).map(({stage}, index) => [visits[index], stage]);
  redraw(element, bottom + 52, [
    ...drawSides(width, bottom), ...drawMemory(width, bottom),
    svg("polyline", {class: "way", points: joined}),
    svg("polyline", {class: "gone", id: "gone"}),
    ...hops.flatMap(([from, to]) => drawWire(from.stage, to, places)),
    ...reached.map((stage) => drawStop(stage, places,
                                       visits.some((visit) => visit.stage === stage), bottom)),
    ...hops.map(([from, to]) => drawTime(from.stage, to, places, from.ns)),
    svg("circle", {class: "halo", id: "halo", r: 13}),
    svg("circle", {class: "token", id: "token", r: 7})]);
  return points;
}

// The token is `part` of the way from its `step`th point to the next.
function moveToken(points, visits, step, part) {
  const here = points[step];
  const there = points[step + 1] ?? here;
  const x = here.x + (there.x - here.x) * part;
  const y = here.y + (there.y - here.y) * part;
  for (const id of ["token", "halo"]) {
    byId(id).setAttribute("cx", x);
    byId(id).setAttribute("cy", y);
  }
  const gone = [...points.slice(0, step + 1), {x, y}];
  byId("gone").setAttribute("points", gone.map((point) => `${point.x},${point.y}`).join(" "));
  const passed = new Set(visits.slice(0, step + 1).map(({stage}) => stage));
  for (const stop of byId("path").querySelectorAll(".stop"))
    stop.classList.toggle("passed", passed.has(Number(stop.dataset.stage)));
  lightMemory(visits[step].stage, part === 0);
}

function lightMemory(stage, there) {
  let used = false;
  for (const touch of byId("path").querySelectorAll(".touch")) {
    const lit = there && Number(touch.dataset.stage) === stage;
    touch.classList.toggle("used", lit);
    used ||= lit;
  }
  byId("memory").setAttribute("class", `memory ${used ? `used ${sideOf(stage)}` : ""}`);
}
