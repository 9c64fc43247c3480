// The player's seek bar, with a picture of where the pointer is. It is there only for a video that
// has a storyboard; the browser's own bar, which tells no page where in it the pointer is, else.

import { duration } from "./format.js";
import { at, read } from "./storyboard.js";

const dialog = document.getElementById("player");
const video = dialog.querySelector("video");
const root = document.getElementById("seek");
const bar = root.querySelector("input");
const shown = root.querySelector("figure");
const tile = root.querySelector(".tile");
const time = root.querySelector("time");
let pictures = [];
let reading = null;
let dragged = false;

export async function begin(url) {
  end();
  const mine = (reading = new AbortController());
  try {
    const found = await read(url, mine.signal);
    if (mine !== reading) return;
    pictures = found;
    follow();
  } catch {
    // It plays all the same.
  }
}

export function end() {
  reading?.abort();
  reading = null;
  pictures = [];
  hide();
  follow();
}

// What the bar says is where the video is, unless it is being dragged.
function follow() {
  const there = pictures.length > 0 && Number.isFinite(video.duration);
  root.hidden = !there;
  dialog.classList.toggle("sought", there);
  if (!there || dragged) return;
  bar.max = video.duration;
  bar.value = video.currentTime;
  told(video.currentTime);
}

function told(second) {
  bar.setAttribute("aria-valuetext", `${duration(second)} of ${duration(video.duration)}`);
}

function show(second) {
  const picture = at(pictures, second);
  tile.style.width = `${picture.width}px`;
  tile.style.height = `${picture.height}px`;
  tile.style.background = `url(${JSON.stringify(picture.sheet)}) -${picture.x}px -${picture.y}px`;
  time.textContent = duration(Math.floor(second));
  shown.hidden = false;
  const beyond = root.clientWidth - shown.offsetWidth;
  const middle = place(second) - shown.offsetWidth / 2;
  shown.style.left = `${Math.min(Math.max(middle, 0), beyond)}px`;
}

function hide() {
  dragged = false;
  shown.hidden = true;
}

// The thumb's middle goes from half its width to half its width before the end.
const THUMB = 16;
const place = (second) => THUMB / 2 + (second / video.duration) * (root.clientWidth - THUMB);

function under(event) {
  const share = (event.clientX - root.getBoundingClientRect().left - THUMB / 2) / (root.clientWidth - THUMB);
  return Math.min(Math.max(share, 0), 1) * video.duration;
}

bar.addEventListener("pointermove", (event) => {
  if (!dragged && event.pointerType === "mouse") show(under(event));
});
bar.addEventListener("pointerleave", () => {
  if (!dragged) hide();
});
bar.addEventListener("input", () => {
  dragged = true;
  told(Number(bar.value));
  show(Number(bar.value));
});
bar.addEventListener("change", () => {
  video.currentTime = Number(bar.value);
  hide();
});
bar.addEventListener("blur", hide);
for (const moved of ["timeupdate", "durationchange", "seeking"]) video.addEventListener(moved, follow);
