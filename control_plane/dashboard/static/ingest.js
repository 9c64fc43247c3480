// Ingest's API.

import { Refused, Service } from "./service.js";

export const address = document.documentElement.dataset.ingest ?? null;
export const ingest = new Service(
  "Ingest",
  address,
  `Does it run at ${address}, and does this browser trust its certificate?`,
);

// The fields that say for which channel of an account a request is made.
export const about = (channel) => (channel ? { "Nearcast-Channel": channel } : {});

// Whether the token opens ingest; asks for another until it does or the user has none.
export async function admitted(channel) {
  await ingest.call("GET", "/v1/jobs?limit=1", undefined, about(channel));
}

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

// Calls `see` with the job now and at each change until it is final, whatever breaks meanwhile, and
// `lost` when something does.
export async function follow({ jobId, channel }, see, lost, signal) {
  for (let wait = 1; ; wait = Math.min(wait * 2, 10)) {
    try {
      const answer = await ingest.ask("GET", `/v1/jobs/${jobId}/events`, { signal, headers: about(channel) });
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
