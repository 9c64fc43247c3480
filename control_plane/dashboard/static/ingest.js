// Ingest's API.

import * as token from "./token.js";

export const address = document.documentElement.dataset.ingest ?? null;
export const WRONG_TOKEN = "Ingest does not know this token.";

export class Refused extends Error {
  constructor(detail, status) {
    super(detail);
    this.status = status;
  }
}

export class NotReached extends Error {
  constructor() {
    super(`Ingest at ${address} does not answer. Does it run, and does this browser trust its certificate?`);
  }
}

// The sentence of a problem document (RFC 9457).
export function detailOf(body, status) {
  try {
    return JSON.parse(body).detail || `Ingest answers ${status}.`;
  } catch {
    return `Ingest answers ${status}.`;
  }
}

// An answer that is no refusal; a token that is not known is asked for again.
export async function ask(method, path, options) {
  let given = await token.needed();
  while (given !== null) {
    const headers = { ...options?.headers, Authorization: `Bearer ${given}` };
    let answer;
    try {
      answer = await fetch(address + path, { ...options, method, headers });
    } catch (error) {
      if (options?.signal?.aborted && options.signal.reason?.name !== "TimeoutError") throw error;
      throw new NotReached();
    }
    if (answer.ok) return answer;
    if (answer.status !== 401) {
      throw new Refused(detailOf(await answer.text(), answer.status), answer.status);
    }
    token.refused(given);
    given = await token.ask(WRONG_TOKEN, true);
  }
  throw new Refused("Nothing was done: it needs a token.", 401);
}

export async function call(method, path, body) {
  const options = { signal: AbortSignal.timeout(20000) };
  if (body !== undefined) options.body = JSON.stringify(body);
  return (await ask(method, path, options)).json();
}

// Whether the token opens ingest; asks for another until it does or the user has none.
export async function admitted() {
  await call("GET", "/v1/jobs?limit=1");
}

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

// Calls `see` with the job now and at each change until it is final, whatever breaks meanwhile, and
// `lost` when something does.
export async function follow(jobId, see, lost, signal) {
  for (let wait = 1; ; wait = Math.min(wait * 2, 10)) {
    try {
      const answer = await ask("GET", `/v1/jobs/${jobId}/events`, { signal });
      for await (const job of events(answer.body)) {
        wait = 1;
        see(job);
        if (["done", "failed", "cancelled"].includes(job.state)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && error.status < 500) throw error;
      lost();
    }
    await pause(wait);
  }
}

// The data of server-sent events (HTML §9.2). EventSource itself cannot send a token.
async function* events(body) {
  let text = "";
  for await (const part of parts(body.pipeThrough(new TextDecoderStream()).getReader())) {
    const blocks = (text + part).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").filter((line) => line.startsWith("data: "));
      if (data.length) yield JSON.parse(data.map((line) => line.slice(6)).join("\n"));
    }
  }
}

async function* parts(reader) {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}
