// The player in its dialog.

const dialog = document.getElementById("player");
const video = dialog.querySelector("video");
const facts = document.getElementById("player-facts");
let player = null;

function tell(text) {
  facts.textContent = text;
}

export function play(asset, title) {
  show(asset, title).catch((error) => tell(error.message));
}

async function show(asset, title) {
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

dialog.addEventListener("close", () => {
  player?.destroy();
  player = null;
  video.removeAttribute("src");
});
