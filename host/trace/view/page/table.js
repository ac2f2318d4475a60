// SPDX-License-Identifier: BSD-3-Clause
//
// The figures: what holds of the whole trace, and the table of hops.
"use strict";

const COLUMNS = [["count", "count"], ["p50_ns", "p50"], ["p90_ns", "p90"], ["p99_ns", "p99"],
                 ["max_ns", "max"]];

function heading() {
  const {machine} = figures;
  byId("title").textContent =
    `${count(figures.total.count)} requests to “${figures.device}” over ${figures.transport}`;
  const facts = [
    `accelerator ${machine.accelerator ?? "not given"}`, machine.qemu && `QEMU ${machine.qemu}`,
    machine.guest_kernel && `guest's kernel ${machine.guest_kernel}`, machine.cpu,
    `kernel ${machine.kernel}`, figures.began].filter(Boolean);
  byId("origin").append(...facts.map((words) => html("span", {}, words)));
  document.title = `bellwire: ${figures.device} over ${figures.transport}`;
}

function fact(name, number, unit = "") {
  return html("div", {}, html("dt", {}, name),
              html("dd", {}, number, unit && " ", html("small", {}, unit)));
}

function ringsFact(name, {count: rings, p50, max}) {
  return rings ? fact(`requests ${name}`, count(p50), `at most ${count(max)}`)
               : fact(`requests ${name}`, "–");
}

function listFacts() {
  const {total, depth, lost, left_out, incomplete, faults, recovered} = figures;
  const gone = Object.values(lost).reduce((sum, records) => sum + records, 0);
  byId("facts").append(
    fact("round trip, median", micro(total.p50_ns), "µs"),
    fact("99 % are faster than", micro(total.p99_ns), "µs"),
    fact("under way at once", count(depth.p50), `at most ${count(depth.max)}`),
    ringsFact("a doorbell", figures.doorbells), ringsFact("an interrupt", figures.interrupts),
    ...Object.entries(faults).map(([kind, times]) => fact(kind, count(times), "on purpose")),
    ...Object.entries(recovered).map(([kind, times]) => fact(`${kind} that had not come`,
      count(times), "recovered")),
    fact("records lost", count(gone)),
    ...left_out.map(({queue, requests, records}) => fact(`left out of queue ${queue}`,
      `${count(requests)} requests`, `and ${count(records)} records that can't be`)),
    ...(incomplete ? [fact("requests left out", count(incomplete), "not whole")] : []),
    fact("clocks joined within", uncertainty ? `± ${micro(uncertainty)}` : "±0", "µs"));
}

// Figures on one logarithmic scale, from the least median to the greatest time of all hops.
function tableScale() {
  const times = figures.hops.flatMap((hop) => [hop.p50_ns, hop.max_ns]).filter((ns) => ns > 0);
  const [low, high] = [Math.log(Math.min(...times) / 1.5), Math.log(Math.max(...times))];
  return (ns) => ns > 0 ? Math.max(4 + 196 * (Math.log(ns) - low) / (high - low || 1), 2) : 2;
}

function spreadOf(hop, x) {
  const doubt = hop.crosses && uncertainty > 0
    ? [svg("rect", {class: "doubt", x: 0, y: 1, width: x(uncertainty), height: 18})] : [];
  return svg("svg", {viewBox: "0 0 208 20", "aria-hidden": "true"}, ...doubt,
    svg("line", {class: "most", x1: x(hop.p50_ns), x2: x(hop.max_ns), y1: 10, y2: 10}),
    svg("line", {class: "reach", x1: x(hop.p50_ns), x2: x(hop.p99_ns), y1: 10, y2: 10}),
    svg("circle", {class: "median", cx: x(hop.p50_ns), cy: 10, r: 4.5}));
}

function shareBar(share, most) {
  return svg("svg", {viewBox: "0 0 96 20", "aria-hidden": "true"},
    svg("rect", {class: "share", x: 0, y: 5, rx: 2, width: Math.max(96 * share / most, 0),
                 height: 10}));
}

function rowOf(hop, cells) {
  const name = `${hop.from} → ${hop.to}`;
  return html("tr", {class: sideOf(stageAt.get(hop.from)), "data-hop": name},
    html("th", {scope: "row"}, name),
    ...COLUMNS.map(([key]) => html("td", {"data-figure": key},
                                   key === "count" ? count(hop[key]) : micro(hop[key]))),
    ...cells);
}

function listHops() {
  const x = tableScale();
  const most = Math.max(...figures.hops.map((hop) => hop.share), 1e-9);
  const head = ["hop, µs", ...COLUMNS.map(([, title]) => title), "share", "",
                "median to 99 %, and max"];
  byId("hops").append(
    html("thead", {}, html("tr", {}, ...head.map((title) => html("th", {scope: "col"}, title)))),
    html("tbody", {}, ...figures.hops.map((hop) => rowOf(hop, [
      html("td", {"data-figure": "share"}, `${(100 * hop.share).toFixed(1)} %`),
      html("td", {class: "bars"}, shareBar(hop.share, most)), html("td", {}, spreadOf(hop, x))]))),
    html("tfoot", {}, rowOf(figures.total, [html("td", {}, "100 %"), html("td"), html("td")])));
}

function tellUncertainty() {
  const {contradictions} = figures.clock;
  const small = figures.hops.filter((hop) => hop.uncertain).map((hop) => `${hop.from} → ${hop.to}`);
  byId("uncertainty").textContent = uncertainty === 0
    ? "All sides have one clock."
    : `The guest's clock and the host's are joined within ± ${inMicro(uncertainty)}: all that is ` +
      "drawn of the device may be so much earlier or later, as the pale band shows." +
      (contradictions ? ` ${count(contradictions)} requests contradict each other.` : "");
  byId("hops-note").textContent = uncertainty === 0 ? "" :
    "Grey: what the clocks' uncertainty hides of a hop between guest and host. " +
    (small.length ? `Smaller than that at the median: ${small.join(", ")}.`
                  : "No hop is smaller than that at the median.");
}
