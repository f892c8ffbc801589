// Asks the command that serves this page; the cookie that came with the address says who asks.

export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

async function answered(response) {
  if (response.ok) return response;
  let sentence = `the command answered ${response.status}`;
  try {
    sentence = (await response.json()).error;
  } catch { /* no sentence came with it */ }
  throw new Refused(response.status, sentence);
}

export async function getJson(path) {
  return (await answered(await fetch(path))).json();
}

export async function getBitmap(path) {
  return createImageBitmap(await (await answered(await fetch(path))).blob());
}

export async function postJson(path, said) {
  const body = JSON.stringify(said);
  return (await answered(await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body }))).json();
}

export function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

// Resolves once somebody looks at the page.
export function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
}
