// SPDX-License-Identifier: BSD-3-Clause
//
// What the page knows, and the words and elements that it is made of. Figures come from the
// program, which computed them for `trace show` as well; here they are only written out.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const {figures, stages, wires, heat, requests, picks} = data;
const uncertainty = figures.clock.uncertainty_ns;
const sides = ["process", "module", "device"];
const stageAt = new Map(stages.map((stage, index) => [stage.name, index]));

const byId = (id) => document.getElementById(id);
const sideOf = (stage) => stages[stage].side;
const crosses = (from, to) => (sideOf(from) === "device") !== (sideOf(to) === "device");

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function html(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

// An svg element is drawn anew, as wide as it is on the screen, so that its text keeps its size.
function redraw(element, height, children) {
  const width = widthOf(element);
  element.setAttribute("viewBox", `0 0 ${width} ${height}`);
  element.style.height = `${height}px`;
  element.replaceChildren(...children);
}

function widthOf(element) {
  return Math.max(element.clientWidth, 280);
}

const count = (number) => number.toLocaleString("en");

// As the program writes them.
function micro(ns) {
  const us = ns / 1000;
  if (Math.abs(us) < 100) return us.toFixed(2);
  return us.toFixed(Math.abs(us) < 100000 ? 1 : 0);
}

const inMicro = (ns) => `${micro(ns)} µs`;

// For axes: in the unit that makes it short.
function briefly(ns) {
  if (ns === 0) return "0";
  const units = [["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]];
  const [unit, size] = units.find(([, one]) => ns >= one) ?? units[3];
  return `${Number((ns / size).toPrecision(3))} ${unit}`;
}

// Round numbers from 0 to `most`, some four of them.
function ticks(most) {
  const rough = most / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough);
  return Array.from({length: Math.floor(most / step) + 1}, (_, index) => index * step);
}
