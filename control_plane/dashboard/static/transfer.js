// One file on its way to ingest: tus, with pauses, retries, and one tab at a time.

import { about, address, ingest } from "./ingest.js";
import { Refused } from "./service.js";
import * as token from "./token.js";

export const endpoint = `${address}/v1/uploads`;

// As large as the pieces that ingest keeps.
const CHUNK = 64 * 1024 * 1024;
const RETRY_AFTER = [500, 1000, 2000, 5000, ...Array(60).fill(10000)];
const STALLED_AFTER = 60000;
const RATE_OVER = 5000;
const LOCK = "nearcast-upload:";

// What names a file across reloads: the client keeps the uploads of files under it.
export function fingerprint(file) {
  return ["nearcast", file.name, file.size, file.lastModified, endpoint].join("-");
}

// Fingerprints of the files that some tab has in hand.
export async function taken() {
  const locks = (await navigator.locks?.query())?.held ?? [];
  return new Set(locks.map((lock) => lock.name).filter((name) => name.startsWith(LOCK)).map((name) => name.slice(LOCK.length)));
}

export class Transfer {
  #upload;
  #print;
  #letGo = null;
  #hears;
  #samples = [];
  #watch = null;
  #file;
  #channel;
  #givenUp = false;

  // `metadata` names the channel, if any; only the browser reads it there. `hears` has the functions moved({sent, total, rate, left}), lost(), ended(job), failed(error).
  constructor(file, metadata, hears) {
    this.#hears = hears;
    this.#file = file;
    this.#channel = metadata.channel ?? "";
    this.#print = fingerprint(file);
    this.#upload = new tus.Upload(file, {
      endpoint,
      metadata,
      chunkSize: CHUNK,
      retryDelays: RETRY_AFTER,
      removeFingerprintOnSuccess: true,
      fingerprint: async () => this.#print,
      onBeforeRequest: (request) => {
        const fields = { Authorization: `Bearer ${token.known()}`, ...about(this.#channel) };
        for (const [name, value] of Object.entries(fields)) request.setHeader(name, value);
      },
      onAfterResponse: checkAdmission,
      onShouldRetry: (error) => this.#mayRetry(error),
      onProgress: (sent, total) => this.#moved(sent, total),
      onError: (error) => this.#failed(error),
      onSuccess: ({ lastResponse }) => this.#ended(lastResponse),
    });
  }

  // Begins, or goes on where the upload of this file broke off.
  async start() {
    if (!this.#letGo && !(await this.#take())) {
      throw new Error("This file is being uploaded already, here or in another tab.");
    }
    if (!this.#upload.url) {
      const all = await this.#upload.findPreviousUploads();
      const previous = all.find(({ metadata }) => (metadata?.channel ?? "") === this.#channel);
      if (previous) this.#upload.resumeFromPreviousUpload(previous);
    }
    this.#go();
  }

  pause() {
    this.#rest();
    this.#upload.abort();
  }

  // Ends the upload, at ingest too.
  async cancel() {
    this.#rest();
    this.#givenUp = true;
    try {
      await this.#upload.abort(true);
      this.#release();
    } catch (error) {
      throw this.#said(error);
    } finally {
      this.#givenUp = false;
    }
  }

  // Lets go of the file; what ingest has of it can be gone on with.
  drop() {
    this.pause();
    this.#release();
  }

  #go() {
    this.#samples = [];
    this.#rewatch();
    this.#upload.start();
  }

  #rest() {
    clearTimeout(this.#watch);
    this.#samples = [];
  }

  #rewatch() {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => {
      this.#upload.abort();
      this.#hears.lost();
      this.#go();
    }, STALLED_AFTER);
  }

  #moved(sent, total) {
    this.#rewatch();
    const now = performance.now();
    this.#samples = this.#samples.filter((sample) => now - sample.at < RATE_OVER);
    this.#samples.push({ at: now, sent });
    const [first] = this.#samples;
    const rate = now - first.at > 500 ? Math.max((1000 * (sent - first.sent)) / (now - first.at), 0) : null;
    this.#hears.moved({ sent, total, rate, left: rate ? (total - sent) / rate : null });
  }

  #mayRetry(error) {
    const status = error.originalResponse?.getStatus() ?? 0;
    const again = !(error.causingError instanceof Refused) && (status === 0 || status >= 500 || [409, 423].includes(status));
    if (!again || status === 507 || this.#givenUp) return false;
    this.#rest();
    this.#hears.lost();
    this.#checkFile();
    return true;
  }

  // A file that changed looks like a lost connection, and would be tried for long.
  async #checkFile() {
    try {
      await this.#file.slice(0, 1).arrayBuffer();
    } catch {
      this.#upload.abort();
      this.#rest();
      this.#hears.failed(new Error("The file was changed or moved since it was chosen: choose it anew."));
    }
  }

  #failed(error) {
    this.#rest();
    this.#hears.failed(this.#said(error));
  }

  // What the client's error means, in one sentence.
  #said(error) {
    const response = error.originalResponse;
    if (error.causingError instanceof Refused) return error.causingError;
    if (!response) return ingest.away();
    return new Refused(ingest.detailOf(response.getBody(), response.getStatus()), response.getStatus());
  }

  #ended(response) {
    this.#rest();
    this.#release();
    this.#hears.ended(response.getHeader("Nearcast-Job") ?? this.#upload.url.split("/").pop());
  }

  // The file belongs to this tab until it lets go or is closed.
  #take() {
    if (!navigator.locks) return true;
    return new Promise((resolve) => {
      navigator.locks.request(LOCK + this.#print, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        return lock && new Promise((letGo) => (this.#letGo = letGo));
      });
    });
  }

  #release() {
    this.#letGo?.();
    this.#letGo = null;
  }
}

// Said here, since the client takes any refusal to tell an offset for an upload that is gone: it
// would forget it, and send all bytes again.
function checkAdmission(request, response) {
  if (response.getStatus() === 401) {
    token.refused(token.known());
    throw new Refused(ingest.wrongToken, 401);
  }
  if (response.getStatus() === 403) throw new Refused(ingest.detailOf(response.getBody(), 403), 403);
  const away = response.getStatus() === 429 || response.getStatus() >= 500;
  if (request.getMethod() === "HEAD" && away) throw new Error("try again");
}
