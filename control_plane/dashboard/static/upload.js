// The page that uploads: files in, cards down, and each card from the file to the published video.

import { Card, draw } from "./card.js";
import { chosen } from "./channel.js";
import { plain, size, titleOf } from "./format.js";
import { about, admitted, follow, ingest } from "./ingest.js";
import { play } from "./player.js";
import { fingerprint, Transfer } from "./transfer.js";
import { discard, forget, safeBytes, unfinished } from "./unfinished.js";

const AT_ONCE = 3;
const JOBS = "nearcast-followed";
const items = new Set();
const startAll = document.getElementById("start");
const said = document.getElementById("said");

class Item {
  card = new Card((does, file) => this.act(does, file));
  file = null;
  broken = null; // The upload that this browser remembers, until its file is chosen again.
  transfer = null;
  job = null;
  channel = ""; // That of the upload and its job, where the account has several.
  #sent = null;
  #pictured = false;
  #following = new AbortController();

  constructor() {
    items.add(this);
  }

  get title() {
    return this.job?.title ?? this.card.form.elements.title.value.trim();
  }

  show(state, more) {
    const before = this.card.state;
    const words = this.card.show(state, more);
    if (state !== before) said.textContent = `${this.title}: ${words}. ${more?.error ?? ""}`;
    const ready = [...items].filter((item) => item.card.state === "ready").length;
    startAll.hidden = ready < 2;
    startAll.querySelector("button").textContent = `Upload all ${ready}`;
  }

  take(file) {
    this.file = file;
    this.card.name(this.broken?.title || titleOf(file.name), file.name, file.size);
    draw(file, this.card.canvas);
    this.show("ready");
  }

  act(does, file) {
    this[does](file)?.catch?.((error) => this.show("failed", { error: error.message }));
  }

  async start() {
    if (this.card.state !== "ready" || !this.card.form.reportValidity()) return;
    const { title, profile } = this.card.form.elements;
    const metadata = { title: plain(title.value, 256), filename: plain(this.file.name, 255) };
    if (this.file.type) metadata.filetype = this.file.type;
    if (profile.value.trim()) metadata.profile = plain(profile.value, 64);
    if (!metadata.filename) delete metadata.filename;
    this.card.name(metadata.title, this.file.name, this.file.size);
    try {
      this.channel = this.broken ? this.broken.channel : await chosen();
    } catch (error) {
      this.failed(error);
      return;
    }
    if (this.card.state !== "ready") return;
    if (this.channel) metadata.channel = this.channel;
    this.transfer = new Transfer(this.file, metadata, {
      moved: (how) => {
        if (this.card.state !== "sending") this.show("sending");
        this.card.moved(how);
        this.#sent = { sent: how.sent, total: how.total };
      },
      lost: () => {
        this.show("lost");
        if (this.#sent) this.card.moved(this.#sent);
      },
      ended: (job) => this.follow(job),
      failed: (error) => this.failed(error),
    });
    this.resume();
  }

  resume() {
    this.show("waiting");
    next();
  }

  retry() {
    if (this.transfer) this.resume();
    else if (this.broken) this.show("broken");
    else {
      this.show("ready");
      this.act("start");
    }
  }

  async send() {
    this.show("sending");
    try {
      await admitted(this.channel);
      if (this.card.state === "sending") await this.transfer.start();
    } catch (error) {
      this.failed(error);
    }
  }

  // What is wrong with the request itself is for the user to change, or to give up.
  failed(error) {
    const wrong = error.status >= 400 && error.status < 500 && ![401, 403, 409, 423, 429].includes(error.status);
    if (wrong) {
      this.transfer?.drop();
      this.transfer = null;
    }
    this.show(wrong ? "ready" : "failed", { error: error.message });
    next();
  }

  pause() {
    this.transfer.pause();
    this.show("paused");
    if (this.#sent) this.card.moved(this.#sent);
    next();
  }

  // How far ingest is with what broke off; whose end nobody heard of has a job already.
  async look() {
    const sent = await safeBytes(this.broken);
    if (sent === null || this.card.state !== "broken") return;
    this.card.moved({ sent, total: this.broken.size });
    if (sent < this.broken.size) return;
    await forget(this.broken);
    this.channel = this.broken.channel;
    await this.follow(this.broken.path.split("/").pop());
  }

  async choose(file) {
    if (fingerprint(file) !== this.broken.print) {
      const wanted = `${this.broken.filename} with ${size(this.broken.size)}`;
      this.show("broken", { error: `That is another file: choose ${wanted}, unchanged.` });
      return;
    }
    this.take(file);
    await this.start();
  }

  async cancel() {
    if (this.job) {
      try {
        const path = `/v1/jobs/${this.job.job_id}/cancel`;
        this.see(await ingest.call("POST", path, undefined, about(this.channel)));
      } catch (error) {
        this.show(this.job.state, { error: error.message });
      }
      return;
    }
    await this.transfer?.cancel();
    if (this.broken) await discard(this.broken);
    this.show("cancelled");
    next();
  }

  remove() {
    this.#following.abort();
    if (this.job) remember(remembered().filter(({ jobId }) => jobId !== this.job.job_id));
    items.delete(this);
    this.card.remove();
    this.transfer?.drop();
  }

  play() {
    play(this.job.asset_id, this.job.title);
  }

  async follow(jobId) {
    this.transfer = null;
    const { channel } = this;
    remember([...remembered().filter((one) => one.jobId !== jobId), { jobId, channel }].slice(-50));
    if (this.card.state !== "sent") this.show("sent");
    next();
    try {
      const lost = () => this.show(this.card.state, { facts: "Connection lost, trying again" });
      await follow({ jobId, channel }, (job) => this.see(job), lost, this.#following.signal);
    } catch (error) {
      this.show("refused", { error: error.message });
    }
  }

  see(job) {
    this.job = job;
    if (!this.file) this.card.name(job.title);
    const facts = this.card.stages(job);
    const error = job.error ?? "";
    const playable = job.playable && !["failed", "cancelled"].includes(job.state);
    if (playable) this.picture(job);
    if (job.state === "done") this.show("done");
    else if (job.state === "failed") this.show("refused", { error });
    else this.show(job.state, { facts: job.state === "cancelled" ? "" : facts, error, playable });
  }

  async picture(job) {
    if (this.#pictured) return;
    try {
      const { poster } = await (await fetch(`/play/${job.asset_id}.json`)).json();
      if (!poster) return;
      this.#pictured = true;
      this.card.poster(poster);
    } catch {
      // The frame of the file stays.
    }
  }
}

// Sends of those that wait as many as may be under way.
function next() {
  const count = (...states) => [...items].filter((item) => states.includes(item.card.state));
  const room = AT_ONCE - count("sending", "lost").length;
  for (const item of count("waiting").slice(0, Math.max(room, 0))) item.send();
}

function add(files) {
  for (const file of files) {
    const same = [...items].find((item) => item.card.state === "broken" && item.broken.print === fingerprint(file));
    if (same) same.act("choose", file);
    else new Item().take(file);
  }
}

function remembered() {
  return JSON.parse(sessionStorage.getItem(JOBS) ?? "[]");
}

function remember(jobs) {
  sessionStorage.setItem(JOBS, JSON.stringify(jobs));
}

async function listBroken() {
  const known = new Set([...items].map((item) => item.broken?.key));
  for (const upload of await unfinished()) {
    if (known.has(upload.key)) continue;
    const item = new Item();
    item.broken = upload;
    item.card.name(upload.title || upload.filename, upload.filename, upload.size);
    item.show("broken", { facts: "Its file is needed again to go on." });
    item.look().catch(() => item.remove());
  }
}

function listJobs() {
  for (const { jobId, channel } of remembered()) {
    const item = new Item();
    item.channel = channel;
    item.card.name(jobId);
    item.follow(jobId);
  }
}

const chooser = document.getElementById("files");
chooser.addEventListener("change", () => {
  add(chooser.files);
  chooser.value = "";
});
startAll.addEventListener("click", () => {
  for (const item of items) if (item.card.state === "ready") item.act("start");
});
// Whole page: a file that misses a small target would replace the page.
const hasFiles = (event) => event.dataTransfer.types.includes("Files");
addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  document.body.classList.remove("dropping");
  add(event.dataTransfer.files);
});
addEventListener("beforeunload", (event) => {
  if ([...items].some((item) => ["sending", "lost"].includes(item.card.state))) event.preventDefault();
});

listJobs();
listBroken();
