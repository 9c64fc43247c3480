// The small pictures of a storyboard: WebVTT whose cues each name a sheet and a rectangle of it
// (W3C Media Fragments URI 1.0 §4.2.2).

const CUE = /^((?:\d+:)?\d\d:\d\d\.\d{3}) -->.*\n([^\n#]+)#xywh=(\d+),(\d+),(\d+),(\d+)$/gm;

// Its pictures, each with the second at which it begins, in order; none when it cannot be read.
export async function read(url, signal) {
  const answer = await fetch(url, { signal });
  if (!answer.ok) return [];
  const text = (await answer.text()).replace(/\r\n?/g, "\n");
  return [...text.matchAll(CUE)].map(([, start, sheet, ...place]) => {
    const [x, y, width, height] = place.map(Number);
    return { start: seconds(start), sheet: new URL(sheet, url).href, x, y, width, height };
  });
}

// The picture that stands for a second.
export function at(pictures, second) {
  return pictures.findLast(({ start }) => start <= second) ?? pictures[0];
}

function seconds(time) {
  return time.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}
