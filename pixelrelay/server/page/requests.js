// The latest requests, each with its attempts on a line of time.

import { attribute, clock, dollars, duration, h, keyed, text, words } from "./dom.js";

export function showRequests(list, none, requests) {
  none.hidden = requests.length > 0;
  keyed(list, requests, (request) => request.id, makeRequest);
}

function makeRequest({ id, at }) {
  const what = h("span", { class: "what" });
  const outcome = h("span", { class: "outcome" });
  const took = h("span", { class: "took" });
  const cost = h("span", { class: "cost" });
  const line = makeTimeline();
  const when = h("time", { datetime: new Date(at * 1000).toISOString() }, clock(at));
  const group = h("strong");
  const node = h("li", { title: id }, h("div", { class: "head" }, group, what, outcome, cost, took, when), line.node);
  return {
    node,
    update(request) {
      text(group, request.group);
      text(what, wanted(request));
      text(outcome, ending(request));
      outcome.dataset.how = manner(request.outcome);
      text(took, duration(request.duration));
      text(cost, sum(request.attempts));
      line.update(request);
    },
  };
}

/** The attempts of one request: who, from when to when, and how it ended. */
export function makeTimeline() {
  const node = h("ol", { class: "timeline" });
  return { node, update: (request) => keyed(node, lanes(request), (lane) => lane.key, makeLane) };
}

function lanes(request) {
  const whole = Math.max(request.duration, 0.001);
  const tried = request.attempts.map((attempt) => ({ key: `${attempt.number}`, attempt, whole }));
  if (request.waiting == null || request.outcome) return tried;
  return [...tried, { key: "line", waits: request.waiting, whole }];
}

function makeLane({ key }) {
  const who = h("span", { class: "who" });
  const waited = h("i", { class: "waited" });
  const ran = h("i", { class: "ran" });
  const said = h("span", { class: "said" });
  const track = h("span", { class: "track", "aria-hidden": "true" }, waited, ran);
  const node = h("li", {}, who, track, said);
  const place = (bar, from, to, whole) => {
    bar.hidden = to <= from;
    bar.style.left = `${(100 * from) / whole}%`;
    bar.style.width = `${(100 * Math.min(to - from, whole - from)) / whole}%`;
  };
  if (key === "line") {
    return {
      node,
      update({ waits, whole }) {
        text(who, "in line");
        text(said, `waits for ${duration(whole - waits)}`);
        place(waited, waits, whole, whole);
        place(ran, 0, 0, whole);
      },
    };
  }
  return {
    node,
    update({ attempt, whole }) {
      text(who, attempt.deployment);
      text(said, told(attempt));
      attribute(node, "title", inFull(attempt));
      node.dataset.how = manner(attempt.outcome);
      place(waited, Math.max(0, attempt.started - (attempt.waited ?? 0)), attempt.started, whole);
      place(ran, attempt.started, attempt.started + attempt.duration, whole);
    },
  };
}

function told(attempt) {
  const parts = [];
  if (attempt.waited >= 0.05) parts.push(`waited ${duration(attempt.waited)}`);
  if (attempt.outcome == null) parts.push(words(attempt.phase));
  else if (attempt.outcome !== "served") parts.push(words(attempt.outcome));
  parts.push(duration(attempt.duration));
  if (attempt.cost != null && Number(attempt.cost) > 0) parts.push(dollars(attempt.cost));
  if (attempt.outcome !== "served" && Number(attempt.at_risk) > 0) parts.push(`maybe ${dollars(attempt.at_risk)}`);
  return parts.join(" · ");
}

function inFull(attempt) {
  const parts = [`attempt ${attempt.number} at ${attempt.provider}, group ${attempt.group}`];
  if (attempt.probe) parts.push("a probe");
  if (attempt.status != null) parts.push(`HTTP ${attempt.status}`);
  if (attempt.code != null) parts.push(attempt.code);
  return parts.join(" · ");
}

function wanted(request) {
  const count = request.n > 1 ? ` ${request.n}×` : "";
  return `${request.operation}${count}${request.size ? ` ${request.size}` : ""}`;
}

function ending(request) {
  if (request.outcome == null) return request.waiting != null ? "waiting" : "drawing";
  return request.outcome === "served" && request.fallbacks.length ? "served by a fallback" : words(request.outcome);
}

/** Well, under way, given up, or not well. */
function manner(outcome) {
  if (outcome == null) return "running";
  return { served: "good", abandoned: "dim", incomplete: "warn" }[outcome] ?? "bad";
}

function sum(attempts) {
  const costs = attempts.filter((attempt) => attempt.cost != null).map((attempt) => Number(attempt.cost));
  return costs.length ? dollars(costs.reduce((one, other) => one + other, 0)) : "";
}
