// Requests to the API, authenticated by the cookie. Equal requests within a moment are sent once.

class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

// Relative to this file, which a proxy may serve below another path: `/crossing/static/api.js` uses `/crossing/api/v1`.
const ROOT = new URL("../api/v1", import.meta.url).pathname;

async function answered(response) {
  if (response.ok) return response.json();
  let sentence = `the collector answered ${response.status}`;
  try {
    sentence = (await response.json()).error;
  } catch { /* no sentence came with it */ }
  throw new Refused(response.status, sentence);
}

export function address(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given).toString();
  return ROOT + path + (text ? `?${text}` : "");
}

function reach(where, options) {
  return fetch(where, options).catch(() => { throw new Refused(0, "the collector does not answer"); });
}

const under = new Map();
export function get(path, query = {}) {
  const where = address(path, query);
  if (!under.has(where)) {
    const asked = reach(where).then(answered).finally(() => under.delete(where));
    under.set(where, asked);
  }
  return under.get(where);
}

// All pages of an answer as one; `name` is the key of its items.
export async function whole(path, name, query = {}) {
  const found = { ...await get(path, query) };
  while (found.next !== null) {
    const more = await get(path, { ...query, after: found.next });
    found[name] = [...found[name], ...more[name]];
    found.next = more.next;
  }
  return found;
}

async function send(method, path, value) {
  const body = value === undefined ? undefined : JSON.stringify(value);
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  return answered(await reach(address(path), { method, headers, body }));
}
export const post = (path, value) => send("POST", path, value);
export const leave = () => send("DELETE", "/session");

// Dispatches server-sent events on the document: `live` (an open bucket) and `stored` (there are new reports).
export const live = new Map();
let source = null;
let again = 0;
const AGAIN_MS = 10_000;
export function listen(pulse) {
  if (source !== null) return;
  source = new EventSource(address("/live/events"));
  source.addEventListener("open", () => pulse("on"));
  source.addEventListener("error", () => {
    pulse("off");
    if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    source = null;
    again = setTimeout(() => listen(pulse), AGAIN_MS);
  });
  source.addEventListener("live", (event) => {
    const bucket = JSON.parse(event.data);
    live.set(`${bucket.site}/${bucket.device}`, { ...bucket, came: performance.now() });
    document.dispatchEvent(new CustomEvent("live", { detail: bucket }));
  });
  source.addEventListener("stored", () => document.dispatchEvent(new CustomEvent("stored")));
}
export function silence() {
  clearTimeout(again);
  source?.close();
  source = null;
}
