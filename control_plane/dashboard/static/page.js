// The operators' page: refreshes itself, plays, and sends decisions to ingest and control plane.

import { ingest } from "./ingest.js";
import { play, watch } from "./player.js";
import { pictureAll } from "./posters.js";
import * as versions from "./versions.js";

const REFRESH_EVERY = 2000;
const parts = document.getElementById("parts");
const stale = document.getElementById("stale");
let last = null;

async function refresh() {
  try {
    const answer = await fetch("/parts", { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(answer.statusText);
    const html = await answer.text();
    if (html !== last) {
      const focused = document.activeElement?.id;
      parts.innerHTML = html;
      if (focused) parts.querySelector(`#${CSS.escape(focused)}`)?.focus();
      last = html;
    }
    pictureAll(parts);
    stale.hidden = true;
  } catch {
    stale.hidden = false;
  }
}

async function refreshForever() {
  await refresh();
  setTimeout(refreshForever, document.hidden ? REFRESH_EVERY * 5 : REFRESH_EVERY);
}

const DECISIONS = {
  ...versions.DECISIONS,
  approve: {
    title: "Publish this video?",
    means: "It goes to the edges, and everybody who has its address can watch it.",
    button: "Publish it",
    noted: true,
    send: ({ job }, note) => ingest.call("POST", `/v1/jobs/${job}/review`, { approve: true, note }),
  },
  refuse: {
    title: "Refuse this video?",
    means: "It is never published, and what was made of it is deleted.",
    button: "Refuse it",
    noted: true,
    send: ({ job }, note) => ingest.call("POST", `/v1/jobs/${job}/review`, { approve: false, note }),
  },
  cancel: {
    title: "Cancel this job?",
    means: "The video is not published, and what was made of it so far is deleted.",
    button: "Cancel the job",
    send: ({ job }) => ingest.call("POST", `/v1/jobs/${job}/cancel`),
  },
};
const dialog = document.getElementById("decision");
const form = dialog.querySelector("form");
const failure = document.getElementById("decision-error");
let open = null;

// The dialog stands beside what is refreshed, so that a note in the making outlives it.
function decide(data) {
  const decision = DECISIONS[data.does];
  open = { decision, data: { ...data } };
  form.reset();
  failure.textContent = "";
  document.getElementById("decision-title").textContent = decision.title;
  document.getElementById("decision-job").textContent = data.version ? `${data.title} · ${data.version}` : data.title;
  const { means } = decision;
  document.getElementById("decision-means").textContent = typeof means === "string" ? means : means(data);
  document.getElementById("decision-note").hidden = !decision.noted;
  form.querySelector("button.main").textContent = decision.button;
  dialog.showModal();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button.main");
  button.disabled = true;
  failure.textContent = "";
  try {
    await open.decision.send(open.data, form.elements.note.value.trim());
    dialog.close();
    await Promise.all([refresh(), versions.refresh()]);
  } catch (error) {
    failure.textContent = error.message;
  } finally {
    button.disabled = false;
  }
});

form.querySelector("button[type=button]").addEventListener("click", () => dialog.close());

let opener = null;

// The button that opened a dialog may have been drawn anew since.
for (const opened of document.querySelectorAll("#decision, #player, #versions")) {
  opened.addEventListener("close", () => document.getElementById(opener)?.focus());
}

parts.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  opener = button?.id;
  if (button?.matches(".play")) play(button.dataset.asset, button.dataset.title);
  if (button?.matches(".watch")) watch(button.dataset.job, button.dataset.title, Number(button.dataset.at));
  if (button?.matches(".decide")) decide(button.dataset);
  if (button?.matches(".versions")) versions.open(button.dataset);
});

document.getElementById("versions").addEventListener("click", (event) => {
  const button = event.target.closest(".decide");
  if (button) decide(button.dataset);
});

pictureAll(parts);
setTimeout(refreshForever, REFRESH_EVERY);
