// Elements made and kept up to date, and numbers as people read them.

/** An element. Attributes that are `null` or `false` are left out, `true` ones stand without a value. */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else attribute(node, name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

export function attribute(node, name, value) {
  if (value == null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value === true ? "" : value);
}

/** Set a text, and touch nothing where it is that already. */
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

/**
 * Let `parent` hold one part for each item, in order; parts stay the same elements for the same keys, so that focus
 * and what is open are kept. `make()` gives `{node, update(item)}`.
 */
export function keyed(parent, items, keyOf, make) {
  const parts = (parent.parts ??= new Map());
  const wanted = new Set(items.map(keyOf));
  for (const [key, part] of parts) {
    if (!wanted.has(key)) {
      part.node.remove();
      parts.delete(key);
    }
  }
  let after = null;
  for (const item of items) {
    const key = keyOf(item);
    if (!parts.has(key)) parts.set(key, make(item));
    const part = parts.get(key);
    part.update(item);
    const place = after ? after.nextSibling : parent.firstChild;
    if (part.node !== place) parent.insertBefore(part.node, place);
    after = part.node;
  }
}

export function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export function number(value) {
  return value >= 10000 ? compact.format(value) : plain.format(value);
}

/** Dollars, from the text that they come as. */
export function dollars(amount) {
  if (amount == null) return "–";
  const value = Number(amount);
  if (value === 0) return "$0";
  return `$${(value >= 1 ? cents : fractions).format(value)}`;
}

/** A sum as far as it is known. */
export function spent(spend) {
  const more = spend.unpriced > 0 || Number(spend.at_risk) > 0;
  if (spend.unpriced > 0 && Number(spend.known) === 0) return "no price";
  return more ? `≥ ${dollars(spend.known)}` : dollars(spend.known);
}

/** What a sum does not say. */
export function spentInFull(spend) {
  const parts = [`${dollars(spend.known)} known`];
  if (Number(spend.at_risk) > 0) parts.push(`up to ${dollars(spend.at_risk)} more that failures may have cost`);
  if (spend.unpriced > 0) parts.push(`${spend.unpriced} attempts without a price`);
  return parts.join(", ");
}

/** `rate_limited` as words. */
export function words(code) {
  return code.replaceAll("_", " ");
}

export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });
}

const cents = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const fractions = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 4 });
const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
