// What one video looks like on the page. Everything that users or files say is only ever text.

import { duration, size, speed } from "./format.js";

// What stands beside each state, and what can be done in it.
const STATES = {
  ready: { says: "Ready", does: ["start", "remove"] },
  waiting: { says: "Waits for its turn", does: ["cancel"] },
  sending: { says: "Uploading", does: ["pause", "cancel"] },
  paused: { says: "Paused", does: ["resume", "cancel"] },
  lost: { says: "Connection lost, trying again", does: ["pause", "cancel"] },
  broken: { says: "Broken off", does: ["choose", "cancel"] },
  failed: { says: "Not uploaded", does: ["retry", "cancel"] },
  sent: { says: "Uploaded", does: [] },
  queued: { says: "Uploaded, waits for a worker", does: ["cancel"] },
  inspecting: { says: "Being checked", does: ["cancel"] },
  encoding: { says: "Being encoded", does: ["cancel"] },
  packaging: { says: "Being packaged", does: ["cancel"] },
  review: { says: "Held until an operator has looked at it", does: ["cancel"] },
  publishing: { says: "Being published", does: [] },
  done: { says: "Published", does: ["play", "remove"] },
  refused: { says: "Not published", does: ["remove"] },
  cancelled: { says: "Cancelled", does: ["remove"] },
};

export class Card {
  state = null;

  // `act` is called with what a button does, and with the file where one is chosen.
  constructor(act) {
    this.element = document.getElementById("card").content.firstElementChild.cloneNode(true);
    this.form = this.#find("form");
    for (const button of this.element.querySelectorAll("button[data-does]")) {
      button.addEventListener("click", () => act(button.dataset.does));
    }
    const chooser = this.#find("input[type=file]");
    chooser.addEventListener("change", () => {
      if (chooser.files.length) act("choose", chooser.files[0]);
      chooser.value = "";
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      act("start");
    });
    document.getElementById("cards").append(this.element);
  }

  #find(selector) {
    return this.element.querySelector(selector);
  }

  get canvas() {
    return this.#find("canvas");
  }

  name(title, filename, bytes) {
    this.form.elements.title.value = title;
    this.#find("h3").textContent = title;
    this.#find(".file bdi").textContent = filename ?? "";
    this.#find(".file small").textContent = bytes === undefined ? "" : size(bytes);
    for (const button of this.element.querySelectorAll("button[data-does]")) {
      button.setAttribute("aria-label", `${button.textContent.trim()}: ${title}`);
    }
    this.#find(".bar").setAttribute("aria-label", `Upload of ${title}`);
  }

  // `playable` is whether viewers have the video already, before its job is done.
  show(state, { facts = "", error = "", playable = false } = {}) {
    const focused = document.activeElement;
    this.state = state;
    this.form.hidden = state !== "ready";
    this.#find("h3").hidden = state === "ready";
    this.element.dataset.state = state;
    this.#find(".state").textContent = STATES[state].says;
    this.#find(".state").className = `state ${state}`;
    this.#find(".facts").textContent = facts;
    this.#find(".error").textContent = error;
    for (const item of this.element.querySelectorAll("[data-does]")) {
      const does = item.dataset.does;
      item.hidden = !STATES[state].does.includes(does) && !(playable && does === "play");
    }
    // Whoever worked with the keyboard must not fall off the card with the button they pressed.
    if (this.element.contains(focused) && focused.closest("[hidden]")) this.element.focus();
    return STATES[state].says;
  }

  moved({ sent, total, rate, left }) {
    const percent = total ? (100 * sent) / total : 0;
    this.#find(".bar").value = percent;
    const facts = [`${Math.floor(percent)}%`, `${size(sent)} of ${size(total)}`];
    if (rate) facts.push(`${size(rate)}/s`);
    if (left !== null && left !== undefined) facts.push(`${duration(left)} left`);
    this.#find(".facts").textContent = facts.join(" · ");
  }

  stages(job) {
    const list = this.#find(".stages");
    const rows = job.stages.map((stage) => {
      const row = document.createElement("li");
      const label = document.createElement("label");
      const bar = document.createElement("progress");
      bar.max = 100;
      bar.value = stage.percent;
      label.append(`${stage.name} `, bar);
      row.append(label);
      return row;
    });
    list.replaceChildren(...rows);
    const facts = [`${Math.floor(job.percent)}%`];
    if (job.speed) facts.push(`${speed(job.speed)}× as fast as it plays`);
    if (job.seconds_left !== null) facts.push(`${duration(job.seconds_left)} left`);
    if (job.playable) facts.push("viewers have its lower renditions");
    return job.state === "review" ? "" : facts.join(" · ");
  }

  poster(url) {
    const image = this.#find("img");
    image.addEventListener("load", () => {
      image.hidden = false;
      this.canvas.hidden = true;
    });
    image.src = url;
  }

  remove() {
    const next = this.element.nextElementSibling ?? this.element.previousElementSibling;
    const had = this.element.contains(document.activeElement);
    this.element.remove();
    if (had) (next ?? document.getElementById("files")).focus();
  }
}

let drawing = Promise.resolve();

// Draws a frame of the file where the browser can decode it, one file after another.
export function draw(file, canvas) {
  drawing = drawing.then(() => frame(file, canvas)).catch(() => {});
}

async function frame(file, canvas) {
  const video = document.createElement("video");
  const url = URL.createObjectURL(file);
  try {
    video.muted = true;
    video.preload = "auto";
    video.src = url;
    await heard(video, "loadeddata");
    video.currentTime = Math.min(1, video.duration / 3 || 0);
    await heard(video, "seeked");
    const scale = Math.max(canvas.width / video.videoWidth, canvas.height / video.videoHeight);
    const [width, height] = [video.videoWidth * scale, video.videoHeight * scale];
    const place = [(canvas.width - width) / 2, (canvas.height - height) / 2];
    canvas.getContext("2d").drawImage(video, ...place, width, height);
    canvas.hidden = false;
  } finally {
    URL.revokeObjectURL(url);
    video.removeAttribute("src");
    video.load();
  }
}

function heard(video, name) {
  return new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, { once: true });
    video.addEventListener("error", reject, { once: true });
    setTimeout(reject, 5000);
  });
}
