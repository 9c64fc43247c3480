"use strict";

const REFRESH_EVERY = 2000;
const parts = document.getElementById("parts");
const stale = document.getElementById("stale");
const dialog = document.getElementById("player");
const video = dialog.querySelector("video");
const facts = document.getElementById("player-facts");
let player = null;

async function refresh() {
  try {
    const answer = await fetch("/parts", { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(answer.statusText);
    const html = await answer.text();
    if (html !== refresh.last) {
      const focused = document.activeElement?.dataset?.asset;
      parts.innerHTML = html;
      if (focused) parts.querySelector(`[data-asset="${CSS.escape(focused)}"]`)?.focus();
      refresh.last = html;
    }
    stale.hidden = true;
  } catch {
    stale.hidden = false;
  }
  setTimeout(refresh, document.hidden ? REFRESH_EVERY * 5 : REFRESH_EVERY);
}

function tell(text) {
  facts.textContent = text;
}

async function play(asset, title) {
  document.getElementById("player-title").textContent = title;
  tell("Asking for the best edge…");
  dialog.showModal();
  const answer = await fetch(`/play/${asset}.json`);
  if (!answer.ok) {
    tell((await answer.json()).detail);
    return;
  }
  const best = (await answer.json()).edges[0];
  const where = `${best.edge_id}: ${best.reason}`;
  player = new Hls();
  player.on(Hls.Events.MANIFEST_PARSED, () => {
    video.play().catch(() => tell(`${where}. Press play.`));
  });
  player.on(Hls.Events.LEVEL_SWITCHED, (_, data) => {
    const level = player.levels[data.level];
    tell(`${new URL(player.url).host}, ${level.width}×${level.height}, ${where}`);
  });
  player.on(Hls.Events.ERROR, (_, data) => {
    if (data.fatal) tell(`${best.edge_id} does not play: ${data.details}. Is its certificate trusted?`);
  });
  player.loadSource(`/play/${asset}`);
  player.attachMedia(video);
}

parts.addEventListener("click", (event) => {
  const button = event.target.closest("button.play");
  if (button) play(button.dataset.asset, button.dataset.title).catch((error) => tell(error.message));
});

dialog.addEventListener("close", () => {
  player?.destroy();
  player = null;
  video.removeAttribute("src");
});

setTimeout(refresh, REFRESH_EVERY);
