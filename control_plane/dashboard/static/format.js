// Numbers in the words of the page.

export function size(bytes) {
  let unit = "B";
  for (const larger of ["kB", "MB", "GB", "TB"]) {
    if (bytes < 1000) break;
    bytes /= 1000;
    unit = larger;
  }
  return `${bytes.toFixed(unit === "B" || bytes >= 100 ? 0 : 1)}\u00a0${unit}`;
}

export function duration(seconds) {
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

export function speed(times) {
  return times >= 1 ? times.toFixed(1) : String(Number(times.toPrecision(2)));
}

// What ingest takes as a name: no control characters and no marks that reorder text.
export function plain(name, longest) {
  const clean = name.normalize("NFC").replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "").trim();
  return [...clean].slice(0, longest).join("").trim();
}

export function titleOf(filename) {
  return plain(filename.replace(/(?<=.)\.[^.]{1,8}$/, ""), 256) || "Untitled";
}
