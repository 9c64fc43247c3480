// Pictures of held videos, which ingest shows operators only: fetched once, and kept while held.

import { address } from "./ingest.js";
import * as token from "./token.js";

const pictures = new Map();
let tried = null;

// Puts the pictures that are there into `parts`, and fetches those that are missing. It asks for
// no token: a picture is not worth a question.
export function pictureAll(parts) {
  const slots = new Map([...parts.querySelectorAll("[data-poster]")].map((slot) => [slot.dataset.poster, slot]));
  for (const [job, picture] of pictures) {
    if (slots.has(job)) continue;
    if (picture) URL.revokeObjectURL(picture.src);
    pictures.delete(job);
  }
  const given = token.known();
  if (given !== tried) {
    tried = given;
    for (const [job, picture] of pictures) if (!picture) pictures.delete(job);
  }
  for (const [job, slot] of slots) {
    if (pictures.get(job)) slot.replaceChildren(pictures.get(job));
    else if (given && !pictures.has(job)) fetchPicture(job, given, parts);
  }
}

async function fetchPicture(job, given, parts) {
  // Null is what was asked for: once with each token, as who was refused is refused again.
  pictures.set(job, null);
  try {
    const headers = { Authorization: `Bearer ${given}` };
    const path = `/v1/jobs/${job}/watch/poster.jpg`;
    const answer = await fetch(address + path, { headers, signal: AbortSignal.timeout(20000) });
    if (!answer.ok) return;
    const picture = new Image();
    picture.alt = "";
    picture.src = URL.createObjectURL(await answer.blob());
    await picture.decode();
    pictures.set(job, picture);
    pictureAll(parts);
  } catch {
    pictures.delete(job);
  }
}
