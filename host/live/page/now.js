// SPDX-License-Identifier: BSD-3-Clause
// The running devices: the samples of the last minutes.
"use strict";

const KEPT = 300;     // seconds
const SHOWN = 60;     // seconds, in a card's curve
const POINTS = 60;    // in it
const AVERAGED = 5;   // seconds, for the latency

class Live {
  constructor() {
    this.samples = new Map();  // of each socket, the oldest first
    this.last = 0;             // the time of the newest
    this.speeds = [[1, "as it is"], [1 / 4, "¼"], [1 / 16, "1⁄16"]];
    this.usual = 1;
    this.live = true;
  }

  // Adds what follows from it and the one before: its rates, and sums for averages.
  keep(sample) {
    const {socket} = sample.device;
    if (!this.samples.has(socket)) this.samples.set(socket, []);
    const all = this.samples.get(socket), before = all[all.length - 1] || sample;
    sample.rates = ratesOf(before, sample);
    const seconds = Math.max(sample.at - before.at, 0);
    sample.busy = (before.busy || 0) + underWay(sample.device).now * seconds;
    sample.completed = (before.completed || 0) + sample.rates.requests * seconds;
    all.push(sample);
    if (all[0].at < sample.at - KEPT) all.splice(0, beyond(all, sample.at - KEPT, each => each.at));
    this.last = Math.max(this.last, sample.at);
  }

  get first() {
    return Math.min(...[...this.samples.values()].map(all => all[0].at));
  }

  // The time of the next sample of any device, or of the one before.
  step(at, direction) {
    const next = [...this.samples.values()].map(all => {
      const index = beyond(all, at, each => each.at);
      if (direction > 0) return all[index]?.at;
      return all.slice(0, index).reverse().find(each => each.at < at)?.at;
    }).filter(each => each !== undefined);
    return next.length ? (direction > 0 ? Math.min(...next) : Math.max(...next)) : undefined;
  }

  views(at, moves) {
    const views = [];
    for (const [socket, all] of this.samples) {
      const index = beyond(all, at, each => each.at) - 1;
      if (index >= 0) views.push([socket, this.view(socket, all, index, moves)]);
    }
    return views;
  }

  view(socket, all, index, moves) {
    const now = all[index], {device, rates} = now;
    const then = all[Math.max(beyond(all, now.at - AVERAGED, each => each.at) - 1, 0)];
    const completed = now.completed - then.completed;
    return {device, rates, moves, origin: socket, title: `${device.device} over ${device.transport}`,
      lit: {down: device.function ? rates.requests : rates.doorbells, up: rates.interrupts},
      // Little's law: what is under way on average, by how much is completed per second.
      latency: completed > 0 ? (now.busy - then.busy) / completed : 0,
      moment: moves ? Math.floor(now.at) : now.at, curve: () => this.curve(all, index)};
  }

  // Means of equal spans: as many, however many samples there are.
  curve(all, index) {
    const to = all[index].at, from = Math.max(to - SHOWN, all[0].at);
    const points = [];
    for (let point = 1; point <= POINTS; ++point) {
      const at = from + (to - from) * point / POINTS;
      const last = all[beyond(all, at, each => each.at) - 1];
      const before = all[Math.max(beyond(all, at - (to - from) / POINTS, each => each.at) - 1, 0)];
      if (last && last.at > before.at)
        points.push([at, (last.completed - before.completed) / (last.at - before.at)]);
    }
    return {points, from, to};
  }

  says(at, playing) {
    const late = this.last - at;
    return late > .5 ? `${late.toFixed(1)} s ago` : playing ? "now" : "stopped";
  }

  sampled(page) {
    return `Sampled: each device is asked every ${page.interval} s. Counts are exact; what happens ` +
      "between two samples is counted and not seen. The latency is a mean of the last " +
      `${AVERAGED} s: what is under way, by what is completed per second.`;
  }
}
