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

// Lines, for people.
function troubles(device) {
  if (device.error) return [device.error];
  const lines = [];
  for (const queue of device.queues) {
    if (queue.status !== 0) lines.push(`queue ${queue.queue} is broken (reason ${queue.status})`);
    if (queue.lost > 0) lines.push(`queue ${queue.queue}: ${queue.lost} signals were lost, and found`);
  }
  for (const {fault, times} of device.faults)
    if (times > 0) lines.push(`on purpose, ${times} times: ${fault}`);
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
