// The latest requests, each with its attempts on a line of time.

import { attribute, clock, dollars, duration, h, keyed, text, words } from "./dom.js";

export function showRequests(list, none, requests) {
  none.hidden = requests.length > 0;
  const scale = usual(requests.map((request) => request.duration));
  keyed(list, requests.map((request) => ({ request, scale })), ({ request }) => request.id, makeRequest);
}

/** Seconds that nine of ten stay below: by these all are drawn, so that lengths can be compared. */
function usual(durations) {
  const sorted = durations.toSorted((one, other) => one - other);
  return sorted[Math.floor(0.9 * (sorted.length - 1))] ?? 0;
}

function makeRequest({ request: { id, at } }) {
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
    update({ request, scale }) {
      text(group, request.group);
      text(what, wanted(request));
      text(outcome, ending(request));
      outcome.dataset.how = manner(request.outcome);
      text(took, duration(request.duration));
      text(cost, sum(request.attempts));
      line.update(request, scale);
    },
  };
}

/** The attempts of one request: who, from when to when, and how it ended. */
export function makeTimeline() {
  const node = h("ol", { class: "timeline" });
  return { node, update: (request, scale = 0) => keyed(node, lanes(request, scale), (lane) => lane.key, makeLane) };
}

function lanes(request, scale) {
  const whole = Math.max(request.duration, scale, 0.001);
  const tried = request.attempts.map((attempt) => ({ key: `${attempt.number}`, attempt, whole }));
  if (request.waiting == null || request.outcome) return tried;
  return [...tried, { key: "line", from: request.waiting, to: request.duration, whole }];
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
      update({ from, to, whole }) {
        text(who, "in line");
        text(said, `for ${duration(to - from)}`);
        place(waited, from, to, whole);
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
      place(waited, Math.max(0, attempt.started - attempt.waited), attempt.started, whole);
      place(ran, attempt.started, attempt.started + attempt.duration, whole);
    },
  };
}

function told(attempt) {
  const parts = [];
  if (attempt.outcome != null && attempt.waited >= 0.05) parts.push(`waited ${duration(attempt.waited)}`);
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
  const parts = [request.operation === "edit" ? "edit" : "", request.n > 1 ? `${request.n} ×` : "", request.size ?? ""];
  return parts.filter(Boolean).join(" ");
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

/** Of several; what a single one cost stands beside it. */
function sum(attempts) {
  const costs = attempts.filter((attempt) => attempt.cost != null).map((attempt) => Number(attempt.cost));
  return costs.length > 1 ? dollars(costs.reduce((one, other) => one + other, 0)) : "";
}
