// What ties the page together: the views, the key, and the question that is asked every second.

import { json, key, Refused } from "./api.js";
import { attribute, duration, text } from "./dom.js";
import { showFigures, showFleet, showStore } from "./fleet.js";
import { Playground } from "./playground.js";
import { showRequests } from "./requests.js";

const EVERY = 1000;
const PATIENCE = 10000;

const at = (id) => document.getElementById(id);
const playground = new Playground((requestId) => latest.get(requestId));
let latest = new Map();
let paused = false;
let barred = false;
let answered = 0;
let timer = null;
let asking = null;

// --- views ---------------------------------------------------------------------------------------------------------

function view() {
  return location.hash === "#playground" ? "playground" : "fleet";
}

function turn() {
  for (const link of document.querySelectorAll("[data-view]")) {
    const current = link.dataset.view === view();
    attribute(link, "aria-current", current ? "page" : null);
    at(`view-${link.dataset.view}`).hidden = !current;
  }
  document.title = `${view() === "fleet" ? "Fleet" : "Playground"} · pixelrelay`;
}

window.addEventListener("hashchange", () => {
  if (location.hash === "#content") return;
  turn();
});

// A link to a part of the page would change the view.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  at("content").focus();
});

// --- what is asked every second ------------------------------------------------------------------------------------

async function look() {
  timer = null;
  if (asking || paused || barred || document.hidden || at("door").open) return;
  asking = AbortSignal.timeout(PATIENCE);
  try {
    show(await json("api/live", { signal: asking }));
    answered = Date.now();
    say("live", "good");
  } catch (error) {
    wrong(error);
  } finally {
    asking = null;
    again();
  }
}

function again(soon = EVERY) {
  clearTimeout(timer);
  timer = setTimeout(look, soon);
}

function show(document) {
  latest = new Map(document.requests.map((request) => [request.id, request]));
  showStore(at("store"), at("degraded"), document);
  showFigures(at("figures"), document);
  showFleet(at("groups"), document.groups);
  showRequests(at("requests"), at("no-requests"), document.requests);
  playground.noticed();
  at("live").classList.remove("stale");
}

function wrong(error) {
  if (error instanceof Refused && error.status === 401) return openDoor(error.message);
  if (error instanceof Refused && error.status === 403) return bar(error.message);
  at("live").classList.add("stale");
  say("no answer", "bad", answered ? `What is shown is ${duration((Date.now() - answered) / 1000)} old.` : null);
}

/** The key is good for drawing, and not for looking. */
function bar(message) {
  barred = true;
  at("live").hidden = true;
  at("fleet-notice").hidden = false;
  text(at("fleet-notice"), message);
  at("pause").hidden = true;
  say("signed in", "good");
  location.hash = "#playground";
}

function say(what, how, why = null) {
  const chip = at("connection");
  attribute(chip, "title", why);
  text(chip, what);
  chip.dataset.how = how;
}

at("pause").addEventListener("click", () => {
  paused = !paused;
  attribute(at("pause"), "aria-pressed", String(paused));
  text(at("pause"), paused ? "Go on" : "Pause");
  if (paused) say("paused", "dim");
  else again(0);
});

document.addEventListener("visibilitychange", () => again(0));

// --- the key -------------------------------------------------------------------------------------------------------

function openDoor(message) {
  text(at("door-error"), key.get() ? message : "");
  key.forget();
  if (!at("door").open) at("door").showModal();
}

at("door-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key.set(at("key").value.trim());
  at("key").value = "";
  at("door").close();
  enter();
});

// Nothing is to be seen without a key.
at("door").addEventListener("cancel", (event) => event.preventDefault());

at("forget").addEventListener("click", () => {
  key.forget();
  location.reload();
});

async function enter() {
  at("forget").hidden = !key.get();
  try {
    await playground.open();
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return openDoor(error.message);
    wrong(error);
  }
  again(0);
}

turn();
enter();
