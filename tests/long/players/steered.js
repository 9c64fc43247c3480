// Plays while edges fail, and tells how it went.

const playing = [];

// Samples where `video` is; the time that it stood still longest is told in milliseconds.
function observe(video) {
  const told = { samples: [], hosts: [], errors: [], video };
  setInterval(() => told.samples.push([performance.now(), video.currentTime]), 50);
  playing.push(told);
  return told;
}

function beginHls(url, settings) {
  const video = newVideos();
  const told = observe(video);
  const player = new Hls(settings);
  player.on(Hls.Events.ERROR, (_, { details, fatal }) => told.errors.push([details, fatal]));
  player.on(Hls.Events.FRAG_LOADED, (_, { frag }) => told.hosts.push(new URL(frag.url).hostname));
  player.loadSource(url);
  player.attachMedia(video);
  video.play();
}

async function beginShaka(url, settings) {
  const video = newVideos();
  const told = observe(video);
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  await player.attach(video);
  player.configure(settings);
  player.addEventListener("error", ({ detail }) => told.errors.push([`${detail.code} ${detail.data}`, detail.severity === 2]));
  const { RequestType } = shaka.net.NetworkingEngine;
  steer(player, RequestType);
  player.getNetworkingEngine().registerResponseFilter((type, { uri }) => {
    if (type === RequestType.SEGMENT) told.hosts.push(new URL(uri).hostname);
  });
  await player.load(url);
  video.play();
}

function newVideos() {
  const video = document.createElement("video");
  video.muted = true;
  video.width = 160;
  document.body.append(video);
  return video;
}

function times() {
  return playing.map(({ video }) => video.currentTime);
}

function report() {
  return playing.map(({ samples, hosts, errors, video }) => ({
    stall: longest(samples),
    time: video.currentTime,
    ahead: Math.max(0, ...ranges(video.buffered).map(([, end]) => end)) - video.currentTime,
    hosts,
    errors,
    failed: video.error?.message ?? null,
  }));
}

// From the first picture on.
function longest(samples) {
  const begun = samples.findIndex(([, time]) => time > 0);
  if (begun < 0) return Infinity;
  let [[since, last], most] = [samples[begun], 0];
  for (const [now, time] of samples.slice(begun)) {
    most = Math.max(most, now - since);
    if (time > last) [since, last] = [now, time];
  }
  return most;
}
