// An asset's versions in a dialog, from where they are rolled back to and removed.

import { size } from "./format.js";
import { control } from "./service.js";

const dialog = document.getElementById("versions");
const failure = document.getElementById("versions-error");
const rows = dialog.querySelector("tbody");
let shown = null;

export const path = (asset) => `/v1/assets/${encodeURIComponent(asset)}`;
const pathOf = ({ asset, version }) => `${path(asset)}/versions/${encodeURIComponent(version)}`;

// What can be decided about versions, as page.js asks for confirmation.
export const DECISIONS = {
  rollback: {
    title: "Show viewers this version?",
    means: "Whoever begins to watch gets it, until a newer version is published.",
    button: "Show it",
    send: ({ asset, version }) => control.call("POST", `${path(asset)}/rollback`, { version }),
  },
  remove: {
    title: "Remove this version for good?",
    means: ({ takes, left }) =>
      `It is deleted from the origin and from every edge, and never comes back. ${
        takes ? `So is ${takes}, whose objects are among its own. ` : ""
      }${left === "0" ? "None is left then: nobody can watch the video any more." : "Viewers get the newest that is left."}`,
    button: "Remove it",
    send: (data) => control.call("DELETE", pathOf(data)),
  },
  "remove-all": {
    title: "Remove this video for good?",
    means: "All its versions are deleted from the origin and from every edge, and nobody can watch it any more.",
    button: "Remove all of it",
    send: ({ asset }) => control.call("DELETE", path(asset)),
  },
};

export async function open({ asset, title }) {
  shown = { asset, title };
  document.getElementById("versions-title").textContent = title;
  Object.assign(dialog.querySelector("[data-does=remove-all]").dataset, shown);
  rows.replaceChildren();
  failure.textContent = "";
  dialog.showModal();
  await refresh();
}

export async function refresh() {
  if (!dialog.open) return;
  try {
    const versions = await control.call("GET", `${path(shown.asset)}/versions`);
    rows.replaceChildren(...versions.map((version) => row(version, versions)));
  } catch (error) {
    if (error.status === 404) dialog.close();
    failure.textContent = error.message;
  }
}

function row(version, all) {
  const element = document.getElementById("version").content.firstElementChild.cloneNode(true);
  const find = (selector) => element.querySelector(selector);
  find("strong").textContent = new Date(version.announced_at * 1000).toLocaleString();
  find("small").textContent = version.version;
  find("[data-label=Size]").textContent = `${size(version.bytes)}, ${version.objects} objects`;
  find("[data-label=Edges]").textContent = version.edges;
  const state = version.removed ? "removed" : version.current ? "current" : "kept";
  find(".state").textContent = state;
  find(".state").classList.add(state);
  const others = all.filter((other) => other !== version && !other.removed);
  const taken = others.filter((other) => other.objects_of === version.version);
  const takes = taken.map((other) => other.version).join(", ");
  const left = others.length - taken.length;
  for (const button of element.querySelectorAll("button")) {
    Object.assign(button.dataset, shown, { version: version.version, takes, left });
    button.setAttribute("aria-label", `${button.textContent} ${version.version}`);
    button.hidden = version.removed || (version.current && button.dataset.does === "rollback");
  }
  return element;
}
