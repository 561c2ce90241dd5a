// The gateway's own API, asked as any client asks it.

const STORED = "pixelrelay-key";

/** The key, which lives as long as this tab. */
export const key = {
  get: () => sessionStorage.getItem(STORED),
  set: (value) => sessionStorage.setItem(STORED, value),
  forget: () => sessionStorage.removeItem(STORED),
};

/** The gateway said no; `error` is OpenAI's, and `headers` say how it came about. */
export class Refused extends Error {
  constructor(status, error, headers) {
    super(error?.message ?? `The gateway answered ${status}.`);
    this.status = status;
    this.error = error ?? {};
    this.headers = headers;
  }
}

/** What is answered at `path`. Raises `Refused`, or what `fetch` raises where nobody answers. */
export async function ask(path, { headers = {}, ...options } = {}) {
  const shown = key.get();
  const response = await fetch(path, {
    ...options,
    headers: { ...headers, ...(shown ? { authorization: `Bearer ${shown}` } : {}) },
    cache: "no-store",
    credentials: "omit",
  });
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Refused(response.status, body.error, response.headers);
}

export async function json(path, options) {
  return (await ask(path, options)).json();
}

/** The events of a stream, each as its data. Comments between them are signs of life. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let parts = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    // What came is joined once an event is whole: a picture comes in many pieces.
    parts.push(value);
    if (!value.includes("\n") && parts.length > 1) continue;
    const blocks = parts.join("").split("\n\n");
    parts = [blocks.pop()];
    for (const block of blocks) {
      const data = block.split("\n").filter((line) => line.startsWith("data: "));
      if (data.length) yield JSON.parse(data.map((line) => line.slice(6)).join("\n"));
    }
  }
}
