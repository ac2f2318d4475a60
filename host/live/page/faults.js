// SPDX-License-Identifier: BSD-3-Clause
// The buttons that lose a signal of a device on purpose. The server refuses them unless it was
// started with --allow-faults, and the device refuses its own likewise.
"use strict";

const FAULT_BUTTONS = `
  <label>queue <select class="queue"><option value="">any</option></select></label>
  <button type="button" class="doorbell" data-plan="drop doorbell 1">lose the next doorbell</button>
  <button type="button" data-plan="drop interrupt 1">lose the next interrupt</button>
  <label class="plan">or a plan <input size="24" maxlength="200" spellcheck="false"
    placeholder="delay interrupt every 4 1ms"></label>
  <button type="submit">give it</button>
  <button type="button" class="end">no more faults</button>
  <output role="status"></output>`;

class FaultForm {
  constructor(socket, send) {
    this.socket = socket;
    this.send = send;
    this.element = document.createElement("form");
    this.element.className = "faults";
    this.element.innerHTML = FAULT_BUTTONS;
    this.queues = this.element.querySelector("select");
    this.element.addEventListener("submit", event => {
      event.preventDefault();
      this.give(this.element.querySelector("input").value.trim());
    });
    for (const button of this.element.querySelectorAll("[data-plan]"))
      button.addEventListener("click", () => this.give(button.dataset.plan));
    this.element.querySelector(".end").addEventListener("click", () => {
      this.ask({do: "end faults", socket: this.socket});
    });
  }

  give(plan) {
    if (!plan) return this.say("write a rule first, such as drop interrupt every 10", true);
    const queue = this.queues.value === "" ? null : Number(this.queues.value);
    this.ask({do: "fault", socket: this.socket, plan, queue});
  }

  ask(request) {
    FaultForm.asking = this;  // the last one that did
    this.say(this.send(request) ? "asked" : "no connection", false);
  }

  say(words, wrong) {
    const output = this.element.querySelector("output");
    output.textContent = words;
    output.classList.toggle("wrong", wrong);
  }

  answered(error) {
    this.say(error || "given", Boolean(error));
  }

  show(device) {
    if (device.error) return;
    this.element.querySelector(".doorbell").hidden = Boolean(device.function);
    const numbers = device.queues.map(queue => String(queue.queue));
    const offered = [...this.queues.options].slice(1).map(option => option.value);
    if (numbers.join() === offered.join()) return;
    const chosen = this.queues.value;
    this.queues.replaceChildren(new Option("any", ""),
      ...numbers.map(number => new Option(number, number)));
    this.queues.value = numbers.includes(chosen) ? chosen : "";
  }
}
