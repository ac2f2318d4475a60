// SPDX-License-Identifier: BSD-3-Clause
// What two samples of a device say: how often per second, how much is under way, what is wrong.
"use strict";

const WRAP = 2 ** 32;

function since(before, now) {
  return now >= before ? now - before : now + WRAP - before;
}

// Sums over the queues that are in both samples, in the same generation.
function ratesOf(before, now) {
  const seconds = now.at - before.at;
  const sums = {requests: 0, doorbells: 0, wakeups: 0, interrupts: 0};
  const known = new Map((before.device.queues || []).map(queue => [queue.queue, queue]));
  for (const queue of now.device.queues || []) {
    const was = known.get(queue.queue);
    if (!was || was.generation !== queue.generation || !(seconds > 0)) continue;
    sums.requests += since(was.completed, queue.completed) / seconds;
    sums.doorbells += (queue.doorbells - was.doorbells) / seconds;
    sums.wakeups += (queue.wakeups - was.wakeups) / seconds;
    sums.interrupts += (queue.raises - was.raises) / seconds;
  }
  const [then, counts] = [before.device.function, now.device.function];
  if (then && counts && seconds > 0 && counts.accesses >= then.accesses) {
    sums.requests = (counts.accesses - then.accesses) / seconds;
    sums.interrupts = Math.max(counts.interrupts - then.interrupts, 0) / seconds;
    sums.bytes = Math.max(counts.dma_bytes - then.dma_bytes, 0) / seconds;
  }
  return sums;
}

function underWay(device) {
  const all = {now: 0, entries: 0};
  for (const queue of device.queues || []) {
    all.now += Math.min(since(queue.completed, queue.submitted), queue.entries);
    all.entries += queue.entries;
  }
  return all;
}

const DONE = {drop: "lost", delay: "delayed", double: "doubled", merge: "merged",
  reorder: "reordered", misroute: "misrouted", stall: "stalled", swap: "swapped"};
const MENDED = new Set(["drop", "misroute"]);

// Of the last signal that it happened to: what was done, to which request, and what became of that.
function fateOf({fault, request, answered}) {
  const [action] = fault.split(" ");
  const good = MENDED.has(action) ? "recovered" : "answered";
  return {done: DONE[action] || action, request: request ?? null,
    fate: {true: good, false: `not yet ${good}`}[answered] || ""};
}

function faultLine(each) {
  const {done, request, fate} = fateOf(each);
  const last = [request === null ? done : `${done} at request ${request}`, fate];
  const happened = each.times > 0 ? `; the last: ${last.filter(Boolean).join(", ")}` : "";
  const waits = each.given && each.armed ? `; waits for the next ${each.wire}` : "";
  return `on purpose, ${each.times} ${each.times === 1 ? "time" : "times"}: ${each.fault}` +
    happened + waits;
}

// The same, short enough to stand at a wire.
function markOf(each) {
  const {done, request, fate} = fateOf(each);
  return `✗ ${request ?? ""} ${fate || done}`;
}

// Lines, for people.
function troubles(device) {
  if (device.error) return [device.error];
  const lines = [];
  for (const queue of device.queues) {
    if (queue.status !== 0) lines.push(`queue ${queue.queue} is broken (reason ${queue.status})`);
    if (queue.hang) lines.push(`queue ${queue.queue} hangs, or who is to go on is paused: ` +
      queue.hang);
    if (queue.lost > 0) lines.push(`queue ${queue.queue}: ${queue.lost} signals were lost, and found`);
  }
  for (const each of device.faults)
    if (each.times > 0 || (each.given && each.armed)) lines.push(faultLine(each));
  return lines;
}

// A rate of any size as a number from 0 to 1.
function brightness(rate) {
  return rate > 0 ? Math.min(.25 + Math.log10(1 + rate) / 7, 1) : 0;
}

function briefly(rate) {
  if (rate >= 10e6) return `${(rate / 1e6).toFixed(1)} M`;
  if (rate >= 10e3) return `${(rate / 1e3).toFixed(1)} k`;
  return rate >= 100 || rate === 0 ? rate.toFixed(0) : rate.toFixed(1);
}

function spanOfTime(seconds) {
  if (!(seconds > 0)) return "–";
  for (const [unit, name] of [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]])
    if (seconds >= unit) return `${(seconds / unit).toPrecision(3)} ${name}`;
  return `${(seconds * 1e9).toFixed(0)} ns`;
}

// The index of the first of sorted `all` whose key is beyond `limit`.
function beyond(all, limit, key = each => each) {
  let low = 0, high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(all[middle]) > limit) high = middle; else low = middle + 1;
  }
  return low;
}
