// SPDX-License-Identifier: BSD-3-Clause
// A device's card: its wires, its ring, its figures and its last minute.
"use strict";

const SHAPES = `
  <rect class="side" x="8" y="22" width="120" height="96" rx="8"/>
  <rect class="side" x="352" y="22" width="120" height="96" rx="8"/>
  <text class="middle" x="68" y="16">driver</text><text class="middle" x="412" y="16">device</text>
  <path class="wire" d="M128 48H352"/><path class="lit down" d="M128 48H352"/>
  <path class="wire" d="M352 92H128"/><path class="lit up" d="M128 92H352"/>
  <text class="middle faint down" x="240" y="40"></text>
  <text class="middle faint up" x="240" y="112"></text>
  <text class="middle starts" x="412" y="66"></text><text class="middle faint pid" x="412" y="86"></text>
  <text class="middle queues" x="68" y="75"></text>
  <rect class="ring" x="8" y="132" width="464" height="22" rx="5"/>
  <rect class="fill" x="8" y="132" width="0" height="22" rx="5"/>
  <text class="middle faint fullness" x="240" y="147"></text>
  <text class="faint most" x="8" y="178"></text>
  <polyline class="past" points=""/>`;
const PAST = {x: 8, y: 184, width: 464, height: 44};
const FIGURES = {requests: "requests/s", doorbells: "doorbells/s", wakeups: "wake-ups/s",
  interrupts: "interrupts/s", each: "requests per doorbell"};

class Card {
  constructor(socket) {
    this.element = document.createElement("article");
    this.element.dataset.socket = socket;
    this.element.innerHTML = `<h2></h2><p class="origin"></p><p class="trouble" role="status"></p>
      <svg viewBox="0 0 480 232" role="img">${SHAPES}</svg><dl></dl>`;
    const list = this.element.querySelector("dl");
    for (const [key, words] of Object.entries(FIGURES)) {
      const [pair, name, figure] = ["div", "dt", "dd"].map(kind => document.createElement(kind));
      name.textContent = words;
      figure.dataset.key = key;
      pair.append(name, figure);
      list.append(pair);
    }
  }

  write(selector, words) {
    const found = this.element.querySelector(selector);
    if (found.textContent !== words) found.textContent = words;
  }

  light(which, rate) {
    const wire = this.element.querySelector(`.lit.${which}`);
    wire.style.opacity = brightness(rate);
    wire.style.setProperty("--pace", `${(2.2 - 2 * brightness(rate)).toFixed(1)}s`);
  }

  // `past`: the samples up to the one that is shown, the newest last.
  show(past, socket) {
    const now = past[past.length - 1], {device} = now;
    const before = past.length > 1 ? past[past.length - 2] : now;
    const rates = ratesOf(before, now), ring = underWay(device);
    this.element.classList.toggle("stopped", Boolean(device.error));
    if (!device.error) {
      this.write("h2", `${device.device} over ${device.transport}`);
      this.write(".starts", device.starts > 1 ? `life ${device.starts}` : "");
      this.write(".pid", `process ${device.pid}`);
      this.write(".queues", device.function ? "registers" : device.queues.length === 1 ? "1 queue" :
        `${device.queues.length} queues`);
    }
    this.write(".origin", socket);
    this.write(".trouble", troubles(device).join("\n"));
    const down = device.function ? rates.requests : rates.doorbells;
    this.light("down", down);
    this.light("up", rates.interrupts);
    this.write(".faint.down", `${device.function ? "accesses" : "doorbells"} ${briefly(down)}/s`);
    this.write(".faint.up", `interrupts ${briefly(rates.interrupts)}/s`);
    this.element.querySelector(".fill").setAttribute(
      "width", ring.entries ? 464 * ring.now / ring.entries : 0);
    this.write(".fullness", device.function ? `DMA ${briefly(rates.bytes || 0)} bytes/s` :
      `${ring.now} of ${ring.entries} under way`);
    rates.each = rates.doorbells > 0 ? rates.requests / rates.doorbells : 0;
    for (const key of Object.keys(FIGURES)) this.write(`dd[data-key=${key}]`, briefly(rates[key]));
    this.draw(past);
  }

  draw(past) {
    const points = past.slice(1).map((now, index) => [now.at, ratesOf(past[index], now).requests]);
    const most = Math.max(1, ...points.map(([, rate]) => rate));
    const first = points.length ? points[0][0] : 0;
    const span = points.length ? Math.max(points[points.length - 1][0] - first, 1) : 1;
    this.element.querySelector(".past").setAttribute("points", points.map(([at, rate]) =>
      `${(PAST.x + PAST.width * (at - first) / span).toFixed(1)},` +
      `${(PAST.y + PAST.height * (1 - rate / most)).toFixed(1)}`).join(" "));
    this.write(".most", points.length ?
      `requests/s in the last ${Math.round(span)} s, up to ${briefly(most)}` : "");
  }
}
