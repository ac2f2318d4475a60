// SPDX-License-Identifier: BSD-3-Clause
// A recorded trace: its records in turn, and at each moment what a sample of the device would say.
"use strict";

const STAGE = {submitted: 0, rung: 2, woken: 3, posted: 5, interrupted: 7, done: 10};
const EVENT = {read: 0, write: 1, dma_read: 4, dma_write: 5, interrupt: 6};
const FLASH = .25;        // seconds of the player: so long a wire that was rung stays lit
const RATED = .01;        // seconds of the trace, for its rates

class Replay {
  constructor(trace) {
    this.trace = trace;
    this.times = trace.records.map(record => record[0] / 1e9);
    this.first = this.times[0] || 0;
    this.last = this.times[this.times.length - 1] || 0;
    this.speeds = [[1, "as it was"], [.1, "1⁄10"], [.01, "1⁄100"], [.001, "1⁄1,000"],
      [.0001, "1⁄10,000"], [.00001, "1⁄100,000"]];
    this.usual = .01;
    this.speed = this.usual;
    this.live = false;
    this.of = new Map();     // kind and queue: the times of its records
    this.took = [];          // [time, seconds] of each request that is done
    this.queues = [];
    this.bytes = [];         // [time, sum] of the transfers
    trace.function ? this.readEvents() : this.readStages();
  }

  readStages() {
    const begun = new Map(), queues = new Set();
    for (const [ns, kind, queue, request] of this.trace.records) {
      queues.add(queue);
      const times = this.timesOf(kind, queue), at = ns / 1e9;
      // What woke whom may stand for several requests: it is one.
      if (kind !== STAGE.woken || times[times.length - 1] !== at) times.push(at);
      if (kind === STAGE.submitted) begun.set(`${queue} ${request}`, at);
      const from = kind === STAGE.done && begun.get(`${queue} ${request}`);
      if (from !== false && from !== undefined) this.took.push([at, at - from]);
    }
    this.queues = [...queues].sort((one, other) => one - other);
    this.most = new Map(this.queues.map(queue => [queue, this.mostUnderWay(queue)]));
  }

  readEvents() {
    let sum = 0;
    for (const [ns, kind, , size] of this.trace.records) {
      this.timesOf(kind, 0).push(ns / 1e9);
      if (kind === EVENT.dma_read || kind === EVENT.dma_write)
        this.bytes.push([ns / 1e9, sum += size]);
    }
  }

  timesOf(kind, queue) {
    const key = kind * 65536 + queue;
    if (!this.of.has(key)) this.of.set(key, []);
    return this.of.get(key);
  }

  // The trace doesn't say how many entries the ring has: the bar is relative to the most that were
  // in use.
  mostUnderWay(queue) {
    const posted = this.timesOf(STAGE.posted, queue);
    return this.timesOf(STAGE.submitted, queue).reduce(
      (most, at, index) => Math.max(most, index + 1 - beyond(posted, at)), 1);
  }

  count(kind, queue, at) {
    return beyond(this.timesOf(kind, queue), at);
  }

  deviceAt(at) {
    const {device, transport, function: whole} = this.trace;
    if (whole) {
      const done = beyond(this.bytes, at, ([when]) => when);
      return {device, transport, faults: [], queues: [], function: {
        accesses: this.count(EVENT.read, 0, at) + this.count(EVENT.write, 0, at),
        interrupts: this.count(EVENT.interrupt, 0, at), dma_bytes: done ? this.bytes[done - 1][1] : 0}};
    }
    return {device, transport, faults: [], function: null, queues: this.queues.map(queue => ({
      queue, generation: 1, status: 0, lost: 0, entries: this.most.get(queue),
      submitted: this.count(STAGE.submitted, queue, at),
      completed: this.count(STAGE.posted, queue, at),
      doorbells: this.count(STAGE.rung, queue, at), wakeups: this.count(STAGE.woken, queue, at),
      raises: this.count(STAGE.interrupted, queue, at)}))};
  }

  sampleAt(at) {
    return {at, device: this.deviceAt(at)};
  }

  // The same record may have the same time as others: a step passes all of them.
  step(at, direction) {
    if (direction > 0) return this.times[beyond(this.times, at)];
    let index = beyond(this.times, at) - 1;
    while (index >= 0 && this.times[index] >= at) --index;
    return this.times[index];
  }

  views(at, moves) {
    const device = this.deviceAt(at);
    const rates = ratesOf(this.sampleAt(at - RATED), {at, device});
    const flash = ratesOf(this.sampleAt(Math.min(at - FLASH * this.speed, this.before(at))),
      {at, device});
    const down = device.function ? flash.requests : flash.doorbells;
    return [[this.trace.name, {device, rates, moves, origin: this.trace.name,
      title: `${device.device} over ${device.transport}`,
      lit: {down: down > 0 ? 1e6 : 0, up: flash.interrupts > 0 ? 1e6 : 0}, step: this.words(at),
      latency: this.latency(at), moment: `${this.trace.name} ${Math.floor(at / RATED)}`,
      curve: () => this.curve(at)}]];
  }

  // Just before the record of that moment.
  before(at) {
    const index = beyond(this.times, at) - 1;
    return index < 0 ? at - 1e-9 : this.times[index] - 1e-9;
  }

  // The median of the last hundred.
  latency(at) {
    const end = beyond(this.took, at, ([when]) => when);
    const last = this.took.slice(Math.max(end - 100, 0), end).map(([, took]) => took);
    return last.sort((one, other) => one - other)[Math.floor(last.length / 2)];
  }

  curve(at) {
    const points = [];
    for (let point = 0; point <= POINTS; ++point) {
      const when = this.first + (at - this.first) * point / POINTS;
      points.push([when, ratesOf(this.sampleAt(when - RATED), this.sampleAt(when)).requests]);
    }
    return {points, from: this.first, to: at};
  }

  words(at) {
    const index = beyond(this.times, at) - 1, {records, kinds} = this.trace;
    if (index < 0) return "";
    const [, kind, queue, request, requests] = records[index];
    const {side, words, name} = kinds[kind];
    const place = `record ${(index + 1).toLocaleString("en")} of ${records.length.toLocaleString("en")}`;
    if (this.trace.function)
      return `${place}: ${name} at 0x${queue.toString(16)}, ${request} bytes`;
    const whose = request !== null ? `request ${request}` :
      requests === 1 ? "for 1 request" : `for ${requests || "no"} requests`;
    return `${place}: queue ${queue}, ${whose}: ${side}: ${words}`;
  }

  says(at, playing) {
    const digits = this.speed < .001 ? 4 : 2;
    return `${((at - this.first) * 1e3).toFixed(digits)} of ` +
      `${((this.last - this.first) * 1e3).toFixed(1)} ms${playing ? "" : ", stopped"}`;
  }

  sampled() {
    const {began, shown, of, uncertainty_ns, lost} = this.trace;
    const part = shown < of ? `the first ${shown.toLocaleString("en")} of ` +
      `${of.toLocaleString("en")} records` : `all ${of.toLocaleString("en")} records`;
    const clocks = uncertainty_ns > 0 ?
      ` The host's times are right within ± ${spanOfTime(uncertainty_ns / 1e9)}.` : "";
    return `Recorded ${began}: ${part}${lost ? `; ${lost} more were lost` : ""}.${clocks} Rates are ` +
      `of ${RATED * 1e3} ms, the latency is the median of the last 100 requests, and the bar is of ` +
      "the most that were under way.";
  }
}
