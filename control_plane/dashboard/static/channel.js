// The channel that this tab uploads to, where the token's account has several.

import { admitted } from "./ingest.js";
import { Refused } from "./service.js";
import * as token from "./token.js";

const KEY = "nearcast-channel";
const shown = document.getElementById("channel");
const select = shown.querySelector("select");
let seen = null; // The token whose channels are offered.

// Resolves with the channel to name, "" where the token needs none; refuses when one is to be chosen.
export async function chosen() {
  if (token.known() === null || token.known() !== seen) {
    await known();
    await offer();
  }
  if (shown.hidden) return "";
  if (!select.value) {
    select.focus();
    throw new Refused("Choose the channel first: your account has several.", 400);
  }
  return select.value;
}

// Asks for a token until ingest knows it; that a channel is to be named is no concern yet.
async function known() {
  try {
    await admitted("");
  } catch (error) {
    if (error.status !== 403) throw error;
  }
}

// Offers the channels of the token's account.
async function offer() {
  const given = token.known();
  const me = await read("/v1/me", given);
  const page = me?.channels.length > 1 ? await read(`/v1/channels?owner=${me.user_id}&limit=100`, given) : null;
  const channels = page?.channels ?? [];
  const before = sessionStorage.getItem(KEY);
  select.replaceChildren(select.options[0]);
  for (const { channel_id, title } of channels) {
    select.add(new Option(title || channel_id, channel_id, false, channel_id === before));
  }
  shown.hidden = channels.length < 2;
  seen = given;
}

// What the control plane answers; null when it refuses: ingest may know tokens that it does not.
async function read(path, given) {
  const headers = { Authorization: `Bearer ${given}` };
  const answer = await fetch(path, { headers, signal: AbortSignal.timeout(20000) });
  return answer.ok ? answer.json() : null;
}

select.addEventListener("change", () => sessionStorage.setItem(KEY, select.value));
if (token.known() !== null) offer().catch(() => {});
