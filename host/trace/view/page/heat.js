// SPDX-License-Identifier: BSD-3-Clause
//
// The heat map: when requests began, how long they took, and how many did so. A cell shows the
// slowest request that is in it.
"use strict";

const HEAT = {left: 58, right: 8, top: 8, row: 11, bottom: 22};
const most = Math.max(...heat.cells.map(([, , number]) => number));
const cells = heat.cells.map(([column, row, number, request]) => ({column, row, number, request}));
let chosenCell = null;

function heatScale() {
  const column = (widthOf(byId("heat")) - HEAT.left - HEAT.right) / heat.columns;
  const height = HEAT.row * heat.rows;
  const octaves = Math.log(heat.most_ns / heat.least_ns);
  return {
    column, bottom: HEAT.top + height,
    x: (index) => HEAT.left + column * index,
    y: (index) => HEAT.top + HEAT.row * (heat.rows - index - 1),
    yOf: (ns) => HEAT.top + height * (1 - Math.log(ns / heat.least_ns) / octaves),
  };
}

// Whole decades, with 2 and 5 in between where there are few.
function heatTicks() {
  const few = heat.most_ns / heat.least_ns < 1000;
  const powers = Array.from({length: 14}, (_, power) => 10 ** power);
  return powers.flatMap((power) => few ? [power, 2 * power, 5 * power] : [power])
    .filter((ns) => ns >= heat.least_ns && ns <= heat.most_ns);
}

function drawHeatAxes(scale) {
  const width = scale.column * heat.columns;
  return [
    ...heatTicks().flatMap((ns) => [
      svg("line", {class: "grid", x1: HEAT.left, x2: HEAT.left + width, y1: scale.yOf(ns),
                   y2: scale.yOf(ns)}),
      svg("text", {class: "axis end", x: HEAT.left - 6, y: scale.yOf(ns) + 4}, briefly(ns))]),
    ...ticks(heat.span_ns).map((ns) => svg("text", {
      class: "axis middle", x: HEAT.left + width * ns / heat.span_ns, y: scale.bottom + 16},
      briefly(ns)))];
}

function drawCell(cell, scale) {
  const drawn = svg("rect", {
    class: "cell", x: scale.x(cell.column), y: scale.y(cell.row), rx: 1.5,
    width: Math.max(scale.column - 1, 1), height: HEAT.row - 1,
    "fill-opacity": 0.18 + 0.82 * Math.log(cell.number) / Math.log(Math.max(most, 2))});
  drawn.addEventListener("pointerenter", () => tellCell(cell));
  drawn.addEventListener("click", () => { chooseCell(cell); showCell(); });
  return drawn;
}

function drawHeat() {
  const scale = heatScale();
  const here = chosenCell ? [svg("rect", {
    class: "here", x: scale.x(chosenCell.column) - 1.5, y: scale.y(chosenCell.row) - 1.5, rx: 2,
    width: scale.column + 2, height: HEAT.row + 2})] : [];
  redraw(byId("heat"), scale.bottom + HEAT.bottom, [
    ...drawHeatAxes(scale), ...cells.map((cell) => drawCell(cell, scale)), ...here]);
}

function tellHeat() {
  byId("cell").textContent =
    `Darker: more requests, up to ${count(most)} in a cell. Choose one to see its slowest request.`;
}

function tellCell({column, row, number}) {
  const low = (index) => heat.least_ns * (heat.most_ns / heat.least_ns) ** (index / heat.rows);
  const when = heat.span_ns * column / heat.columns;
  byId("cell").textContent =
    `${count(number)} ${number === 1 ? "request" : "requests"} that took ${inMicro(low(row))} to ` +
    `${inMicro(low(row + 1))}, begun about ${briefly(when)} after the first.`;
}

function chooseCell(cell) {
  chosenCell = cell;
  drawHeat();
  tellCell(cell);
}

function showCell() {
  if (chosenCell) travelWith(chosenCell.request);
}

// The nearest one that way; sideways counts thrice, so that a column is left only if it must be.
function moveCell(right, up) {
  const from = chosenCell ?? cells[0];
  const ahead = cells.map((cell) => {
    const [x, y] = [cell.column - from.column, cell.row - from.row];
    return {cell, along: x * right + y * up, aside: Math.abs(x * up) + Math.abs(y * right)};
  }).filter(({along}) => along > 0);
  ahead.sort((a, b) => a.along + 3 * a.aside - b.along - 3 * b.aside);
  chooseCell(chosenCell ? ahead[0]?.cell ?? from : from);
}
