// SPDX-License-Identifier: BSD-3-Clause
// A device's card: its wires, its ring, its figures and its last minute.
"use strict";

const SHAPES = `
  <rect class="side" x="8" y="22" width="120" height="96" rx="8"/>
  <rect class="side" x="352" y="22" width="120" height="96" rx="8"/>
  <text class="middle" x="68" y="15">driver</text><text class="middle" x="412" y="15">device</text>
  <path class="wire down" d="M128 48H352"/><path class="lit down" d="M128 48H352"/>
  <path class="wire up" d="M352 92H128"/><path class="lit up" d="M352 92H128"/>
  <text class="middle faint down" x="240" y="38"></text>
  <text class="middle faint up" x="240" y="114"></text>
  <text class="middle mark down" x="240" y="65"></text>
  <text class="middle mark up" x="240" y="85"></text>
  <text class="middle starts" x="412" y="62"></text><text class="middle faint pid" x="412" y="84"></text>
  <text class="middle queues" x="68" y="75"></text>
  <rect class="ring" x="8" y="132" width="464" height="22" rx="5"/>
  <rect class="fill" x="8" y="132" width="0" height="22" rx="5"/>
  <text class="middle faint fullness" x="240" y="148"></text>
  <text class="faint most" x="8" y="176"></text>
  <polyline class="past" points=""/>`;
const PAST = {x: 8, y: 184, width: 464, height: 44};
const DASH = 24;  // a dash and its gap
const FIGURES = {requests: "requests/s", doorbells: "doorbells/s", wakeups: "wake-ups/s",
  interrupts: "interrupts/s", each: "requests per doorbell", latency: "latency"};
const WIRES = {down: "doorbell", up: "interrupt"};

class Card {
  constructor(key) {
    this.element = document.createElement("article");
    this.element.dataset.socket = key;
    this.element.innerHTML = `<h2></h2><p class="origin"></p><p class="step"></p>
      <p class="trouble" role="status"></p>
      <svg viewBox="0 0 480 232" role="img">${SHAPES}</svg><dl></dl>`;
    this.found = new Map();
    const list = this.element.querySelector("dl");
    for (const [key, words] of Object.entries(FIGURES)) {
      const [pair, name, figure] = ["div", "dt", "dd"].map(kind => document.createElement(kind));
      name.textContent = words;
      figure.dataset.key = key;
      pair.append(name, figure);
      list.append(pair);
    }
    this.run = 0;    // how far the dashes have come
    this.times = new Map();   // of each fault
    this.newest = {};         // fault, of each wire
    this.drawn = null;        // the second of the curve
  }

  at(selector) {
    if (!this.found.has(selector)) this.found.set(selector, this.element.querySelector(selector));
    return this.found.get(selector);
  }

  write(selector, words) {
    const found = this.at(selector);
    if (found.textContent !== words) found.textContent = words;
  }

  light(which, rate) {
    const wire = this.at(`.lit.${which}`), bright = brightness(rate).toFixed(2);
    if (wire.style.opacity !== bright) wire.style.opacity = bright;
    if (rate > 0) wire.style.strokeDashoffset = -this.run;
  }

  // The fault that happened last on each wire.
  mark(device, key) {
    const faults = device.faults || [];
    for (const each of faults) {
      if (each.times > (this.times.get(each.fault) || 0)) this.newest[each.wire] = each.fault;
      this.times.set(each.fault, each.times);
    }
    for (const [which, wire] of Object.entries(WIRES)) {
      const last = faults.find(each => each.fault === this.newest[wire] && each.times > 0);
      this.write(`.mark.${which}`, last ? markOf(last) : "");
      this.at(`.wire.${which}`).classList.toggle("broken", Boolean(last && last.answered === false));
    }
  }

  // What a source shows of a device: {title, origin, step, device, rates, lit, latency, moves,
  // curve(), moment}.
  show(view) {
    const {device, rates} = view, ring = underWay(device);
    this.element.classList.toggle("stopped", Boolean(device.error));
    if (view.moves) this.run = (this.run + 7) % DASH;
    if (!device.error) {
      this.write("h2", view.title);
      this.write(".starts", device.starts > 1 ? `life ${device.starts}` : "");
      this.write(".pid", device.pid ? `process ${device.pid}` : "");
      this.write(".queues", device.function ? "registers" : device.queues.length === 1 ? "1 queue" :
        `${device.queues.length} queues`);
    }
    this.write(".origin", view.origin);
    this.write(".step", view.step || "");
    this.write(".trouble", troubles(device).join("\n"));
    this.mark(device);
    this.light("down", view.lit.down);
    this.light("up", view.lit.up);
    const down = device.function ? rates.requests : rates.doorbells;
    this.write(".faint.down", `${device.function ? "accesses" : "doorbells"} ${briefly(down)}/s`);
    this.write(".faint.up", `interrupts ${briefly(rates.interrupts)}/s`);
    const width = String(ring.entries ? Math.round(464 * ring.now / ring.entries) : 0);
    if (this.at(".fill").getAttribute("width") !== width) this.at(".fill").setAttribute("width", width);
    this.write(".fullness", device.function ? `DMA ${briefly(rates.bytes || 0)} bytes/s` :
      ring.entries ? `${ring.now} of ${ring.entries} under way` : device.error ? "" : "no driver");
    const each = rates.doorbells > 0 ? rates.requests / rates.doorbells : 0;
    for (const key of ["requests", "doorbells", "wakeups", "interrupts"])
      this.write(`dd[data-key=${key}]`, briefly(rates[key]));
    this.write("dd[data-key=each]", briefly(each));
    this.write("dd[data-key=latency]", spanOfTime(view.latency));
    if (this.drawn === view.moment) return;
    this.drawn = view.moment;
    this.draw(view.curve());
  }

  draw({points, from, to}) {
    const most = Math.max(1, ...points.map(([, rate]) => rate)), span = Math.max(to - from, 1e-9);
    this.at(".past").setAttribute("points", points.map(([at, rate]) =>
      `${(PAST.x + PAST.width * (at - from) / span).toFixed(0)},` +
      `${(PAST.y + PAST.height * (1 - rate / most)).toFixed(0)}`).join(" "));
    this.write(".most", points.length ?
      `requests/s in ${spanOfTime(span)}, up to ${briefly(most)}` : "");
  }
}
