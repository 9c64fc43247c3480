// The player in its dialog.

import { address, ingest } from "./ingest.js";
import * as seek from "./seek.js";
import * as token from "./token.js";

// An edge that hangs is given up soon enough for another one to fill the buffer, and not asked again.
const firm = {
  default: {
    maxTimeToFirstByteMs: 4000,
    maxLoadTimeMs: 20000,
    timeoutRetry: null,
    errorRetry: { maxNumRetry: 2, retryDelayMs: 500, maxRetryDelayMs: 2000 },
  },
};

const dialog = document.getElementById("player");
const video = dialog.querySelector("video");
const facts = document.getElementById("player-facts");
let player = null;
let shows = 0;

function tell(text) {
  facts.textContent = text;
}

// A published video, from the best edge.
export function play(asset, title) {
  show(title, "Asking for the best edge…", () => published(asset));
}

// What a job has made, published or not, from `start` seconds on; from ingest, to operators only.
export function watch(job, title, start) {
  show(title, "Asking ingest…", () => held(job, start));
}

async function show(title, waiting, find) {
  const mine = ++shows;
  document.getElementById("player-title").textContent = title;
  tell(waiting);
  dialog.showModal();
  try {
    const found = await find();
    // Who has closed the dialog, or opened it for another video, does not wait for this one.
    if (dialog.open && mine === shows) begin(found);
  } catch (error) {
    if (mine === shows) tell(error.message);
  }
}

async function published(asset) {
  // Tokens may be bound to it, so each request tells it.
  const session = newSession();
  const answer = await fetch(`/play/${asset}.json?session=${session}`);
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.detail);
  const best = told.edges[0];
  return {
    url: `/play/${asset}?session=${session}`,
    storyboard: told.storyboard,
    where: `${best.edge_id}: ${best.reason}`,
    failed: (details) => `${best.edge_id} does not play: ${details}. Is its certificate trusted?`,
    options: {
      cmcd: { sessionId: session, contentId: asset },
      fragLoadPolicy: firm,
      playlistLoadPolicy: firm,
    },
  };
}

// A name for one playback; pages without TLS have no randomUUID.
function newSession() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

async function held(job, start) {
  const entry = `/v1/jobs/${job}/watch/main.m3u8`;
  // Tells what is wrong in ingest's words, and asks for a token where none is known.
  await ingest.ask("GET", entry, { signal: AbortSignal.timeout(20000) });
  return {
    url: address + entry,
    where: "from ingest, for operators only",
    failed: (details) => `Ingest does not play it: ${details}.`,
    options: {
      startPosition: start,
      xhrSetup(xhr, url) {
        xhr.open("GET", url, true);
        if (url.startsWith(`${address}/`)) xhr.setRequestHeader("Authorization", `Bearer ${token.known()}`);
      },
    },
  };
}

function begin({ url, storyboard, where, failed, options }) {
  if (storyboard) seek.begin(storyboard);
  player = new Hls(options);
  player.on(Hls.Events.MANIFEST_PARSED, () => {
    video.play().catch(() => tell(`${where}. Press play.`));
  });
  player.on(Hls.Events.LEVEL_SWITCHED, (_, data) => {
    const level = player.levels[data.level];
    tell(`${new URL(level.uri, location).host}, ${level.width}×${level.height}, ${where}`);
  });
  player.on(Hls.Events.ERROR, (_, data) => {
    if (data.fatal) tell(failed(data.details));
  });
  player.loadSource(url);
  player.attachMedia(video);
}

dialog.addEventListener("close", () => {
  seek.end();
  player?.destroy();
  player = null;
  video.removeAttribute("src");
});
