// SPDX-License-Identifier: BSD-3-Clause
//
// The timeline: the same request to scale, a row each side, and how far the device's part may be
// off.
"use strict";

const TIMELINE = {left: 58, right: 12, row: 26, top: 6};

function timelineScale(visits) {
  const [first, last] = [visits[0].at, visits.at(-1).at];
  const width = widthOf(byId("timeline")) - TIMELINE.left - TIMELINE.right;
  const span = Math.max(last - first, 1);
  return {
    span,
    x: (at) => TIMELINE.left + width * (at - first) / span,
    at: (x) => first + span * Math.min(Math.max((x - TIMELINE.left) / width, 0), 1),
  };
}

const middleOf = (stage) => TIMELINE.top + TIMELINE.row * (sides.indexOf(sideOf(stage)) + 0.5);

function drawRows() {
  return sides.map((side, index) => svg("text", {
    class: `row ${side}`, x: 0, y: TIMELINE.top + TIMELINE.row * (index + 0.5) + 4}, side));
}

function drawTicks(scale, first, height) {
  return ticks(scale.span).flatMap((tick) => {
    const x = scale.x(first + tick);
    return [svg("line", {class: "grid", x1: x, x2: x, y1: TIMELINE.top, y2: height - 18}),
            svg("text", {class: "axis middle", x, y: height - 4}, briefly(tick))];
  });
}

// From the first of each run of stages on the device to the last of it.
function ghosts(visits, scale) {
  if (uncertainty === 0) return [];
  const [first, last] = [visits[0].at, visits.at(-1).at];
  const runs = [];
  visits.forEach(({stage, at}, index) => {
    if (sideOf(stage) !== "device") return;
    if (index > 0 && sideOf(visits[index - 1].stage) === "device") runs.at(-1).to = at;
    else runs.push({from: at, to: at, stage});
  });
  return runs.map(({from, to, stage}) => {
    const [start, end] = [scale.x(Math.max(from - uncertainty, first)),
                          scale.x(Math.min(to + uncertainty, last))];
    return svg("rect", {class: "ghost device", x: start, y: middleOf(stage) - 9, rx: 4,
                        width: Math.max(end - start, 2), height: 18});
  });
}

function drawHop(from, to, scale) {
  const [start, end] = [scale.x(from.at), scale.x(to.at)];
  if (sideOf(from.stage) !== sideOf(to.stage))
    return svg("line", {class: "wire", x1: start, x2: end, y1: middleOf(from.stage),
                        y2: middleOf(to.stage)});
  return svg("rect", {class: `span ${sideOf(from.stage)}`, x: start, y: middleOf(from.stage) - 5,
                      rx: 2, width: Math.max(end - start, 2), height: 10});
}

// What went wrong on purpose, on the device's row; and where the module did without a signal.
function drawMarks(marks, visits, scale) {
  const [first, last] = [visits[0].at, visits.at(-1).at];
  return marks.map(({words, at, recovered}) => {
    const row = sides.indexOf(recovered ? "module" : "device");
    const y = TIMELINE.top + TIMELINE.row * (row + 0.5);
    const x = scale.x(Math.min(Math.max(at, first), last));
    return svg("g", {class: recovered ? "mark recovered" : "mark fault"},
      svg("title", {}, `${words}, ${inMicro(at - first)}`),
      svg("path", {d: `M${x} ${y - 9}l5 9l-5 9l-5 -9z`}));
  });
}

function drawTimeline(visits, marks) {
  const scale = timelineScale(visits);
  const height = TIMELINE.top + TIMELINE.row * sides.length + 22;
  redraw(byId("timeline"), height, [
    ...drawTicks(scale, visits[0].at, height), ...drawRows(), ...ghosts(visits, scale),
    ...visits.slice(1).map((visit, index) => drawHop(visits[index], visit, scale)),
    ...drawMarks(marks, visits, scale),
    svg("line", {class: "cursor", id: "cursor", y1: 0, y2: height - 16})]);
  return scale;
}

function moveCursor(scale, time) {
  byId("cursor").setAttribute("x1", scale.x(time));
  byId("cursor").setAttribute("x2", scale.x(time));
}
