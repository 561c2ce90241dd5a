// Draws and edits by the gateway's own API, and shows the pictures, the route that was taken, and errors as told.

import { ask, events, json, Refused } from "./api.js";
import { attribute, dollars, duration, h, text } from "./dom.js";
import { makeTimeline } from "./requests.js";

const SIZES = ["1024x1024", "1536x1024", "1024x1536", "1440x2560", "2048x2048", "512x512"];
const PARTIALS = 2;
const KEPT = 8;
const HEADER = "x-pixelrelay-";
const ROUTE = [
  ["deployment", "deployment"],
  ["provider", "provider"],
  ["attempts", "attempts"],
  ["fallbacks", "fallbacks"],
  ["adaptations", "changed"],
  ["missing", "missing"],
  ["waited-ms", "waited", (milliseconds) => duration(milliseconds / 1000)],
  ["cost-usd", "cost", dollars],
  ["at-risk-usd", "maybe billed besides", dollars],
];

const at = (id) => document.getElementById(id);

export class Playground {
  /** `find` gives what is known of a request by its id, if it is known. */
  constructor(find) {
    this.find = find;
    this.models = [];
    this.inputs = [];
    this.mask = null;
    this.shown = [];
    this.stopping = null;
    at("play").addEventListener("submit", (event) => {
      event.preventDefault();
      this.draw();
    });
    at("prompt").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("play").requestSubmit();
    });
    at("stop").addEventListener("click", () => this.stopping?.abort());
    at("model").addEventListener("change", () => this.choose());
    at("images").addEventListener("change", () => this.take([...at("images").files]));
    at("mask").addEventListener("change", () => {
      this.mask = at("mask").files[0] ?? null;
      this.list();
    });
    at("sizes").append(...SIZES.map((size) => h("option", { value: size })));
  }

  /** Ask which models there are. */
  async open() {
    this.models = (await json("v1/models")).data;
    const chosen = at("model").value;
    at("model").replaceChildren(...this.models.map(({ id }) => h("option", { value: id }, id)));
    if (this.models.some(({ id }) => id === chosen)) at("model").value = chosen;
    this.choose();
  }

  choose() {
    const can = this.models.find(({ id }) => id === at("model").value)?.capabilities;
    if (!can) return;
    const chosen = at("quality").value;
    const qualities = can.qualities.filter((quality) => quality !== "auto");
    at("quality").replaceChildren(h("option", { value: "" }, "auto"), ...qualities.map((one) => h("option", {}, one)));
    at("quality").value = qualities.includes(chosen) ? chosen : "";
    at("edits").hidden = !can.operations.includes("edit");
    at("mask-field").hidden = !can.mask;
    this.list();
  }

  // --- what is to be edited ----------------------------------------------------------------------------------------

  take(files) {
    this.inputs = files;
    this.list();
  }

  get edits() {
    return this.inputs.length > 0 && !at("edits").hidden;
  }

  list() {
    const remove = (file) => {
      if (file === this.mask) {
        this.mask = null;
        at("mask").value = "";
      } else {
        this.inputs = this.inputs.filter((one) => one !== file);
        at("images").value = "";
      }
      this.list();
      at("images").focus();
    };
    for (const image of at("thumbs").querySelectorAll("img")) URL.revokeObjectURL(image.src);
    const files = [...this.inputs, ...(this.mask ? [this.mask] : [])];
    at("thumbs").replaceChildren(
      ...files.map((file) => {
        const what = file === this.mask ? "mask" : file.name;
        return h(
          "li",
          {},
          h("img", { src: URL.createObjectURL(file), alt: what }),
          h("button", { type: "button", class: "quiet", "aria-label": `Remove ${what}`, onclick: () => remove(file) }, "×"),
        );
      }),
    );
    text(at("draw"), this.edits ? "Edit" : "Draw");
  }

  // --- drawing -----------------------------------------------------------------------------------------------------

  async draw() {
    if (this.stopping) return;
    const prompt = at("prompt").value;
    const result = new Result(prompt, (blob) => this.reuse(blob));
    this.keep(result);
    this.stopping = new AbortController();
    this.busy(true);
    const began = performance.now();
    const took = () => duration((performance.now() - began) / 1000);
    const ticking = setInterval(() => text(at("ticking"), took()), 500);
    text(at("told"), this.edits ? "Editing …" : "Drawing …");
    try {
      const pictures = await this.asked(prompt, result);
      text(at("told"), `${pictures} ${pictures === 1 ? "picture" : "pictures"} in ${took()}.`);
    } catch (error) {
      const stopped = error.name === "AbortError";
      text(at("told"), stopped ? "Stopped." : "");
      if (stopped) result.drop();
      else result.fail(error);
    } finally {
      clearInterval(ticking);
      text(at("ticking"), "");
      this.stopping = null;
      this.busy(false);
      this.noticed();
    }
  }

  busy(is) {
    // Not disabled, which would take the focus from it.
    attribute(at("draw"), "aria-disabled", is ? "true" : null);
    at("stop").hidden = !is;
    attribute(at("view-playground"), "aria-busy", is);
    if (!is && document.activeElement === document.body) at("draw").focus();
  }

  /** How many pictures came. */
  async asked(prompt, result) {
    const fields = { model: at("model").value, prompt, n: Number(at("count").value) };
    if (at("size").value) fields.size = at("size").value.trim().toLowerCase().replace("×", "x");
    if (at("quality").value) fields.quality = at("quality").value;
    const streams = at("partials").checked;
    if (streams) Object.assign(fields, { stream: true, partial_images: PARTIALS });
    const response = await this.send(fields);
    result.route(response.headers);
    if (!streams) {
      const body = await response.json();
      body.data?.forEach((image) => result.picture(image));
      if (body.error) throw new Refused(response.status, body.error, response.headers);
      return body.data.length;
    }
    let pictures = 0;
    for await (const event of events(response)) {
      if (event.type.endsWith(".partial_image")) result.partial(event);
      else if (event.type.endsWith(".completed")) {
        result.picture(event);
        pictures += 1;
      } else if (event.error) throw new Refused(response.status, event.error, response.headers);
    }
    return pictures;
  }

  send(fields) {
    const options = { method: "POST", signal: this.stopping.signal, headers: { [`${HEADER}links`]: "inline" } };
    if (!this.edits) {
      options.headers["content-type"] = "application/json";
      return ask("v1/images/generations", { ...options, body: JSON.stringify(fields) });
    }
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
    for (const file of this.inputs) form.append("image[]", file, file.name);
    if (this.mask && !at("mask-field").hidden) form.append("mask", this.mask, "mask.png");
    return ask("v1/images/edits", { ...options, body: form });
  }

  // --- results -----------------------------------------------------------------------------------------------------

  keep(result) {
    this.shown.unshift(result);
    at("drawn").prepend(result.node);
    for (const old of this.shown.splice(KEPT)) old.drop();
  }

  reuse(blob) {
    this.take([new File([blob], named(blob), { type: blob.type })]);
    at("images").value = "";
    at("prompt").focus();
    text(at("told"), "The picture is to be edited: say how.");
  }

  /** More may be known of what was drawn. */
  noticed() {
    for (const result of this.shown) result.tell(this.find(result.requestId));
  }
}

/** One request and what came of it. */
class Result {
  constructor(prompt, reuse) {
    this.prompt = prompt;
    this.reuse = reuse;
    this.requestId = null;
    this.urls = [];
    this.pictures = h("div", { class: "pictures" });
    this.unfinished = null;
    this.error = h("div", { class: "notice", role: "alert", hidden: true });
    this.facts = h("dl", { class: "route" });
    this.line = makeTimeline();
    this.node = h(
      "article",
      { class: "panel result" },
      h("p", { class: "asked" }, prompt),
      this.error,
      this.pictures,
      h("div", { role: "group", "aria-label": "Route" }, this.line.node, this.facts),
    );
  }

  drop() {
    this.urls.forEach((url) => URL.revokeObjectURL(url));
    this.node.remove();
    this.requestId = null;
  }

  partial(event) {
    const image = (this.unfinished ??= this.pictures.appendChild(h("img", { class: "unfinished", alt: "" })));
    image.src = `data:image/${event.output_format};base64,${event.b64_json}`;
    image.alt = "Unfinished picture";
  }

  picture({ b64_json: encoded, url }) {
    this.unfinished?.remove();
    this.unfinished = null;
    if (encoded == null) {
      this.pictures.append(h("p", {}, h("a", { href: url, target: "_blank", rel: "noreferrer" }, "The picture is at the provider’s")));
      return;
    }
    const blob = blobOf(encoded);
    const source = URL.createObjectURL(blob);
    this.urls.push(source);
    this.pictures.append(
      h(
        "figure",
        {},
        h("img", { src: source, alt: this.prompt }),
        h(
          "figcaption",
          {},
          h("a", { href: source, download: named(blob), class: "button quiet" }, "Save"),
          h("button", { type: "button", class: "quiet", onclick: () => this.reuse(blob) }, "Edit this"),
        ),
      ),
    );
  }

  fail(error) {
    this.unfinished?.remove();
    const refused = error instanceof Refused;
    const code = refused ? [error.status, error.error.code, error.error.param].filter(Boolean).join(" · ") : "no answer";
    const later = refused && error.headers.get("retry-after");
    this.error.hidden = false;
    this.error.replaceChildren(
      h("p", { class: "code" }, code),
      h("p", {}, error.message),
      later ? h("p", { class: "hint" }, `Worth asking again in ${later} s.`) : "",
    );
    if (refused) this.route(error.headers);
  }

  /** As the headers tell it. */
  route(headers) {
    this.requestId = headers.get("x-request-id");
    const told = [];
    for (const [name, what, read = String] of ROUTE) {
      const value = headers.get(HEADER + name);
      if (value != null) told.push([what, read(value)]);
    }
    if (headers.get(`${HEADER}degraded`) === "true") told.push(["store", "was away"]);
    if (this.requestId) told.push(["request", this.requestId]);
    this.facts.replaceChildren(...told.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  }

  /** As the gateway's latest requests tell it. */
  tell(request) {
    if (request) this.line.update(request);
  }
}

function blobOf(encoded) {
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: kindOf(bytes) });
}

function named(blob) {
  return `picture.${blob.type.split("/")[1].split("+")[0]}`;
}

/** By how it begins. */
function kindOf(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return "image/jpeg";
  if (bytes[0] === 0x52 && bytes[1] === 0x49) return "image/webp";
  if (bytes[0] === 0x3c) return "image/svg+xml";
  return "image/png";
}
