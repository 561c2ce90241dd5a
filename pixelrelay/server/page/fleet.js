// The fleet by group and region: one row for each deployment, with its quotas as bars.

import { attribute, dollars, duration, h, keyed, number, spent, spentInFull, text } from "./dom.js";

const UNITS = {
  requests: "requests / min",
  images: "images / min",
  megapixels: "megapixels / min",
  concurrent: "at a time",
};

// --- figures -------------------------------------------------------------------------------------------------------

export function showStore(chip, notice, { store, draining, workers, silent }) {
  chip.hidden = false;
  const known = store.processes > 1 ? `, ${store.processes} processes` : "";
  const apart = workers.filter((worker) => worker.degraded).length;
  const lost = apart < workers.length ? `${apart} of ${workers.length} workers cannot reach the shared store.` : "The shared store cannot be reached.";
  const said = {
    alone: ["own counts", "dim", "Quotas are counted by this process alone, as configured."],
    shared: [`shared store${known}`, "good", `Quotas are counted in the shared store. Requests, latency and spend are those of ${whose(workers, silent)}.`],
    share: ["store away: own share", "bad", `${lost} Each process uses its share of every quota until it is found again.`],
    open: ["store away: open", "bad", `${lost} Each process counts for itself until it is found again.`],
    closed: ["store away: closed", "bad", `${lost} Nothing is served until it is found again.`],
  }[store.mode] ?? [`store: ${store.mode}`, "bad", ""];
  const [what, how, why] = draining ? ["draining", "warn", "This gateway is about to end."] : said;
  text(chip, silent ? `${what}, ${silent} silent` : what);
  chip.dataset.how = silent && how === "good" ? "warn" : how;
  attribute(chip, "title", why);
  notice.hidden = !store.degraded;
  text(notice, store.degraded ? why : "");
}

function whose(workers, silent) {
  const all = workers.length + silent;
  if (all === 1) return `process ${workers[0].process}, which answers`;
  return silent ? `${workers.length} of the gateway's ${all} workers, as the others did not answer in time` : `the gateway's ${all} workers`;
}

export function showFigures(list, live) {
  const { served, failed } = live.minute;
  const good = total(served);
  const bad = total(failed);
  const figures = [
    { name: "In flight", value: number(live.in_flight) },
    { name: "Served, last minute", value: number(good), bars: [served, failed] },
    { name: "Not served", value: number(bad), how: bad ? "bad" : null },
    { name: "Spent since start", value: spent(live.spend), title: spentInFull(live.spend) },
    ...live.budgets.map((budget) => ({
      name: `Budget ${budget.name}`,
      value: `${dollars(budget.used)} of ${dollars(budget.cap)}`,
      title: `${budget.window}; ${dollars(budget.reserved)} of it reserved`,
      share: Number(budget.used) / Number(budget.cap),
    })),
  ];
  keyed(list, figures, (figure) => figure.name, makeFigure);
}

function makeFigure() {
  const name = h("dt");
  const value = h("dd");
  const more = h("dd", { class: "more", "aria-hidden": "true" });
  const node = h("div", {}, name, value, more);
  return {
    node,
    update(figure) {
      text(name, figure.name);
      text(value, figure.value);
      attribute(node, "title", figure.title);
      attribute(value, "data-how", figure.how);
      if (figure.bars) showBars(more, ...figure.bars);
      else if (figure.share != null) showShare(more, figure.share);
    },
  };
}

/** A minute of answers, a bar for each second. */
function showBars(place, served, failed) {
  const seconds = served.map((good, at) => ({ at, good, bad: failed[at] }));
  const most = Math.max(4, ...seconds.map(({ good, bad }) => good + bad));
  place.classList.add("bars");
  keyed(place, seconds, ({ at }) => at, () => {
    const bad = h("i", { class: "bad" });
    const good = h("i", { class: "good" });
    return {
      node: h("span", {}, bad, good),
      update(second) {
        good.style.height = `${(100 * second.good) / most}%`;
        bad.style.height = `${(100 * second.bad) / most}%`;
      },
    };
  });
}

function showShare(place, share) {
  place.classList.add("bar");
  const fill = place.firstChild ?? place.appendChild(h("i"));
  fill.style.width = `${Math.min(100, 100 * share)}%`;
  attribute(place, "data-level", level(share));
}

// --- groups --------------------------------------------------------------------------------------------------------

export function showFleet(place, groups) {
  keyed(place, groups, (group) => group.name, makeGroup);
}

function makeGroup({ name }) {
  const id = `group-${encodeURIComponent(name)}`;
  const served = h("p", { class: "how" });
  const spend = h("p", { class: "sum" });
  const regions = h("div", { class: "regions" });
  const node = h(
    "section",
    { class: "panel group", "aria-labelledby": id },
    h("header", {}, h("h2", { id }, name), served, spend),
    regions,
  );
  return {
    node,
    update(group) {
      const turns = group.fallbacks.length ? `, then ${group.fallbacks.join(", ")}` : "";
      text(served, `${group.strategy.replaceAll("_", " ")}${turns}`);
      text(spend, spent(group.spend));
      attribute(spend, "title", spentInFull(group.spend));
      const parts = byRegion(group.deployments);
      keyed(regions, parts, ([region]) => region, makeRegion);
      regions.classList.toggle("parted", parts.length > 1 || parts[0]?.[0] !== "");
    },
  };
}

function byRegion(deployments) {
  const regions = new Map();
  for (const deployment of deployments) {
    const region = deployment.region ?? "";
    regions.set(region, [...(regions.get(region) ?? []), deployment]);
  }
  return [...regions];
}

function makeRegion([region]) {
  const list = h("ul", { class: "deployments" });
  return {
    node: h("div", { class: "region" }, h("h3", {}, region || "no region"), list),
    update: ([, deployments]) => keyed(list, deployments, (deployment) => deployment.name, makeDeployment),
  };
}

function makeDeployment({ name }) {
  const state = h("span", { class: "state" });
  const origin = h("p", { class: "origin" });
  const quotas = h("div", { class: "quotas" });
  const unlimited = h("p", { class: "empty" }, "no quotas");
  const figures = Object.fromEntries(["in flight", "latency", "spent"].map((what) => [what, h("dd")]));
  const pairs = Object.entries(figures).map(([what, value]) => h("div", {}, h("dt", {}, what), value));
  const node = h(
    "li",
    {},
    h("div", { class: "who" }, h("strong", {}, name), state, origin),
    h("div", { class: "limits" }, quotas, unlimited),
    h("dl", { class: "facts" }, ...pairs),
  );
  return {
    node,
    update(deployment) {
      node.dataset.state = deployment.state;
      text(state, condition(deployment));
      text(origin, `${deployment.provider} · ${deployment.model}`);
      attribute(origin, "title", deployment.tags.length ? `tags: ${deployment.tags.join(", ")}` : null);
      keyed(quotas, deployment.quotas, (quota) => `${quota.pool ?? ""}/${quota.unit}`, makeQuota);
      unlimited.hidden = deployment.quotas.length > 0;
      text(figures["in flight"], number(deployment.in_flight));
      text(figures.latency, duration(deployment.latency));
      text(figures.spent, spent(deployment.spend));
      attribute(figures.spent, "title", spentInFull(deployment.spend));
    },
  };
}

function condition({ state, cooling }) {
  if (state === "cooling") return `cooling for ${Math.ceil(cooling)} s`;
  if (state === "waiting") return `told to wait ${Math.ceil(cooling)} s`;
  return state === "ill" ? "ill, being tried" : "well";
}

function makeQuota(quota) {
  const unit = UNITS[quota.unit] ?? quota.unit;
  const name = quota.pool ? `pool ${quota.pool}, ${unit.replace(" / min", "")}` : unit;
  const amount = h("span", { class: "amount" });
  const fill = h("i");
  const mark = h("b", { title: "what the provider’s answers have taught" });
  const bar = h("div", { class: "bar", role: "meter", "aria-label": name, "aria-valuemin": "0" }, fill, mark);
  return {
    node: h("div", { class: "quota" }, h("span", { class: "unit" }, name), amount, bar),
    update({ used, limit, learned }) {
      const most = Math.max(limit, learned);
      const said = learned === limit ? number(limit) : `${number(learned)} of ${number(limit)}`;
      text(amount, `${number(used)} / ${said}`);
      fill.style.width = `${Math.min(100, (100 * used) / most)}%`;
      mark.hidden = learned === limit;
      mark.style.left = `${(100 * learned) / most}%`;
      attribute(bar, "data-level", level(used / learned));
      attribute(bar, "aria-valuemax", most);
      attribute(bar, "aria-valuenow", Math.min(used, most));
      attribute(bar, "aria-valuetext", `${number(used)} used of ${said}`);
    },
  };
}

function level(share) {
  return share >= 0.95 ? "full" : share >= 0.75 ? "high" : null;
}

function total(counts) {
  return counts.reduce((sum, count) => sum + count, 0);
}
