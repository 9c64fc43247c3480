// Uploads that broke off, as this browser remembers them.

import { about, address, ingest } from "./ingest.js";
import { Refused } from "./service.js";
import * as token from "./token.js";
import { endpoint, taken } from "./transfer.js";

const storage = () => tus.defaultOptions.urlStorage;

// Those that no tab has in hand: { key, print, path, size, filename, title, channel }.
export async function unfinished() {
  const inHand = await taken();
  const found = [];
  for (const kept of await storage().findAllUploads()) {
    const print = kept.urlStorageKey.slice("tus::".length, kept.urlStorageKey.lastIndexOf("::"));
    if (!kept.uploadUrl?.startsWith(`${endpoint}/`) || inHand.has(print)) continue;
    const path = kept.uploadUrl.slice(address.length);
    const { filename = "", title = "", channel = "" } = kept.metadata ?? {};
    found.push({ key: kept.urlStorageKey, print, path, size: kept.size, filename, title, channel });
  }
  return found;
}

const fields = ({ channel }) => ({ ...about(channel), "Tus-Resumable": "1.0.0" });

// Bytes that are safe at ingest; null when that is not known; forgets an upload that is gone.
export async function safeBytes(upload) {
  if (token.known() === null) return null;
  try {
    const answer = await ingest.ask("HEAD", upload.path, { headers: fields(upload) });
    return Number(answer.headers.get("Upload-Offset"));
  } catch (error) {
    if (!(error instanceof Refused) || ![404, 410].includes(error.status)) return null;
    await forget(upload);
    throw error;
  }
}

// Gives an upload up, at ingest too.
export async function discard(upload) {
  try {
    await ingest.ask("DELETE", upload.path, { headers: fields(upload) });
  } catch (error) {
    if (!(error instanceof Refused) || ![404, 410].includes(error.status)) throw error;
  }
  await forget(upload);
}

export async function forget(upload) {
  await storage().removeUpload(upload.key);
}
