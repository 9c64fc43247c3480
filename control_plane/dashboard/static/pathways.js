// Content Steering for Shaka Player.
//
// Its builds up to 5.2 find no pathway clone, as the compiler has renamed the members ID and HOST
// where they are read, and they resolve RELOAD-URI against the playlist. So the clones of the first
// steering manifest are written into the playlist as pathways of their own before the player reads
// it, and RELOAD-URI is made absolute.
//
//   import { steer } from "…/pathways.js";
//   steer(player, shaka.net.NetworkingEngine.RequestType);  // before player.load(…)

const STEERING = /^#EXT-X-CONTENT-STEERING:.*?SERVER-URI="([^"]*)".*$/m;

export function steer(player, { MANIFEST, CONTENT_STEERING }) {
  player.getNetworkingEngine().registerResponseFilter(async (type, response) => {
    if (type === CONTENT_STEERING) {
      const manifest = reloadable(JSON.parse(decode(response.data)), response.uri);
      response.data = encode(JSON.stringify(manifest));
    } else if (type === MANIFEST) {
      const text = decode(response.data);
      if (STEERING.test(text)) response.data = encode(await extended(text, response.uri));
    }
  });
}

// Without a steering manifest the playlist is as it was: its own pathway plays.
async function extended(text, base) {
  const server = new URL(text.match(STEERING)[1], base);
  server.searchParams.set("_HLS_pathway", text.match(/PATHWAY-ID="([^"]*)"/)?.[1] ?? ".");
  try {
    const answer = await fetch(server, { signal: AbortSignal.timeout(3000) });
    if (!answer.ok) return text;
    const manifest = reloadable(await answer.json(), server);
    return withPathways(text, base, manifest["PATHWAY-CLONES"] ?? [], manifest["RELOAD-URI"]);
  } catch {
    return text;
  }
}

function reloadable(manifest, base) {
  return { ...manifest, "RELOAD-URI": new URL(manifest["RELOAD-URI"] ?? base, base).href };
}

function withPathways(text, base, clones, reload) {
  const lines = text.trimEnd().split("\n");
  const added = clones.flatMap((clone) => pathway(lines, base, clone));
  const steered = lines.map((line) =>
    line.startsWith("#EXT-X-CONTENT-STEERING:") ? changed(line, "SERVER-URI", () => reload) : line,
  );
  return [...steered, ...added, ""].join("\n");
}

// The lines of one pathway again, on another host, with groups of renditions of its own.
function pathway(lines, base, { "BASE-ID": from, ID: id, "URI-REPLACEMENT": { HOST: host } }) {
  const moved = (uri) => {
    const url = new URL(uri, base);
    if (host) url.host = host;
    return url.href;
  };
  const mine = lines.flatMap((line, at) =>
    line.startsWith("#EXT-X-STREAM-INF:") && attribute(line, "PATHWAY-ID") === from
      ? [[line, lines[at + 1]]]
      : [],
  );
  const groups = new Set(
    mine.flatMap(([line]) => ["AUDIO", "SUBTITLES"].map((name) => attribute(line, name))),
  );
  const media = lines.filter(
    (line) => line.startsWith("#EXT-X-MEDIA:") && groups.has(attribute(line, "GROUP-ID")),
  );
  const own = (line, names) =>
    names.reduce((text, name) => changed(text, name, (group) => `${group}@${id}`), line);
  return [
    ...media.map((line) => changed(own(line, ["GROUP-ID"]), "URI", moved)),
    ...mine.flatMap(([line, uri]) => [
      changed(own(line, ["AUDIO", "SUBTITLES"]), "PATHWAY-ID", () => id),
      moved(uri),
    ]),
  ];
}

function attribute(line, name) {
  return line.match(new RegExp(`[:,]${name}="([^"]*)"`))?.[1];
}

function changed(line, name, change) {
  return line.replace(new RegExp(`([:,]${name}=")([^"]*)`), (_, before, value) => before + change(value));
}

function decode(data) {
  return new TextDecoder().decode(data);
}

function encode(text) {
  return new TextEncoder().encode(text).buffer;
}
