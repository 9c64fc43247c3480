// What tests ask of players on a page: play all of a package, and tell what was seen and heard.

const RATE = 8;

async function until(done, seconds = 60) {
  const end = performance.now() + 1000 * seconds;
  while (!done() && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return done();
}

function ranges(buffered) {
  return Array.from(buffered, (_, at) => [buffered.start(at), buffered.end(at)]);
}

function newVideo() {
  document.querySelector("video")?.remove();
  const video = document.createElement("video");
  video.muted = true;
  video.heights = [];
  video.addEventListener("resize", () => video.heights.push(video.videoHeight));
  document.body.append(video);
  return video;
}

function full(video) {
  const { buffered, duration } = video;
  return buffered.length > 0 && buffered.end(buffered.length - 1) > duration - 0.1;
}

// Colours at the middles of the four quarters, as [red, green, blue].
function corners(video) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, 0, 0);
  return [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]].map(([x, y]) => {
    const place = [Math.floor(x * canvas.width), Math.floor(y * canvas.height)];
    return Array.from(context.getImageData(...place, 1, 1).data.slice(0, 3));
  });
}

async function seek(video, time) {
  const shown = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  video.currentTime = time;
  await until(() => !video.seeking);
  await shown;
}

function active(video) {
  const tracks = Array.from(video.textTracks).filter((track) => track.mode !== "disabled");
  return tracks.flatMap((track) => Array.from(track.activeCues ?? [], (cue) => cue.text));
}

// Seeks to each of `wish.looks`, plays from start to end and does `middle` at two fifths of it.
async function watch(video, wish, middle) {
  const told = { looks: [] };
  await until(() => full(video));
  told.before = ranges(video.buffered);
  for (const { time, cues } of wish.looks ?? []) {
    await seek(video, time);
    const same = () => JSON.stringify(active(video)) === JSON.stringify(cues);
    if (cues) await until(same, 10);
    told.looks.push({ corners: corners(video), cues: active(video) });
  }
  video.currentTime = 0;
  await until(() => !video.seeking);
  video.playbackRate = wish.rate ?? RATE;
  await video.play();
  if (middle) {
    await until(() => video.currentTime > 0.4 * video.duration);
    await middle();
  }
  told.ended = await until(() => video.ended, 15);
  await until(() => full(video));
  told.time = video.currentTime;
  told.duration = video.duration;
  told.ranges = ranges(video.buffered);
  told.size = [video.videoWidth, video.videoHeight];
  told.heights = video.heights;
  told.frames = video.getVideoPlaybackQuality().totalVideoFrames;
  told.sound = video.webkitAudioDecodedByteCount;
  told.failed = video.error?.message ?? null;
  return told;
}

function chosen(tracks, { codec, height }) {
  const fits = (track) =>
    (!codec || track.codec.startsWith(codec)) && (!height || track.height === height);
  return tracks.findIndex(fits);
}

async function playHls(url, wish) {
  const video = newVideo();
  const errors = [];
  const player = new Hls({ maxBufferLength: 600, abrEwmaDefaultEstimate: 2e6 });
  player.on(Hls.Events.ERROR, (_, { details, error }) => {
    // At many times normal speed a busy machine stalls; what is missing shows in what is buffered.
    if (details !== Hls.ErrorDetails.BUFFER_STALLED_ERROR) errors.push(`${details}: ${error?.message}`);
  });
  const levels = () =>
    player.levels.map(({ height, videoCodec, audioCodec, bitrate }) => ({
      height,
      codec: videoCodec ?? audioCodec,
      bitrate,
    }));
  player.on(Hls.Events.MANIFEST_PARSED, () => {
    if (wish.start) player.loadLevel = chosen(levels(), wish.start);
  });
  player.loadSource(url);
  player.attachMedia(video);
  await until(() => player.levels.length > 0 || errors.length);
  if (wish.language !== undefined) {
    await until(() => player.audioTracks.length > 0);
    player.setAudioOption({ lang: wish.language });
  }
  if (wish.subtitles) {
    await until(() => player.subtitleTracks.length > 0);
    player.subtitleTrack = 0;
  }
  const middle = wish.next && (() => (player.nextLevel = chosen(levels(), wish.next)));
  const told = await watch(video, wish, middle);
  const [track] = Array.from(video.textTracks).filter((track) => track.mode !== "disabled");
  return {
    ...told,
    errors,
    levels: levels(),
    audio: player.allAudioTracks.length,
    heard: player.audioTracks[player.audioTrack]?.lang,
    text: player.allSubtitleTracks.length,
    cues: Array.from(track?.cues ?? [], (cue) => [cue.startTime, cue.endTime, cue.text]),
    end: player.destroy(),
  };
}

async function openShaka(url, wish) {
  const video = newVideo();
  const errors = [];
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  await player.attach(video);
  player.addEventListener("error", ({ detail }) => errors.push(`${detail.code} ${detail.data}`));
  player.configure({
    abr: { enabled: false },
    preferredVideo: wish.start?.codec ? [{ codec: wish.start.codec }] : [],
    preferredAudio: wish.language ? [{ language: wish.language }] : [],
    streaming: { bufferingGoal: wish.goal ?? 600, bufferBehind: 600, dontChooseCodecs: true },
  });
  await player.load(url).catch((error) => errors.push(`${error.code} ${error.data}`));
  return { video, player, errors };
}

async function playShaka(url, wish) {
  const { video, player, errors } = await openShaka(url, wish);
  const variants = () =>
    player.getVariantTracks().map((track) => ({
      height: track.height,
      codec: track.videoCodec ?? track.audioCodec,
      bitrate: track.bandwidth,
      language: track.language,
    }));
  const take = (wanted, clear) => {
    const tracks = player.getVariantTracks();
    const now = tracks.find((track) => track.active);
    const fit = tracks.filter(
      (track) => track.language === now.language && track.audioCodec === now.audioCodec,
    );
    const codecs = fit.map(({ height, videoCodec }) => ({ height, codec: videoCodec }));
    player.selectVariantTrack(fit[chosen(codecs, wanted)], clear, 2);
  };
  if (wish.start) take(wish.start, true);
  if (wish.subtitles) player.selectTextTrack(player.getTextTracks()[0]);
  const told = await watch(video, wish, wish.next && (() => take(wish.next, true)));
  const { gapsJumped, nonFatalErrorCount } = player.getStats();
  const [track] = Array.from(video.textTracks).filter((track) => track.mode !== "disabled");
  const result = {
    ...told,
    errors,
    faults: gapsJumped + nonFatalErrorCount,
    levels: variants(),
    audio: player.getAudioTracks().length,
    heard: player.getVariantTracks().find((track) => track.active)?.language,
    text: player.getTextTracks().length,
    cues: Array.from(track?.cues ?? [], (cue) => [cue.startTime, cue.endTime, cue.text]),
  };
  await player.destroy();
  return result;
}

// Goes through all fast by its key frames, and asks for the pictures of two times.
async function searchShaka(url, thumbnails) {
  const { video, player, errors } = await openShaka(url, { goal: 4 });
  await video.play();
  player.trickPlay(4);
  await until(() => video.currentTime > 8, 30);
  const time = video.currentTime;
  player.cancelTrickPlay();
  const track = await player.addThumbnailsTrack(thumbnails);
  const found = [];
  for (const wanted of [0.5, 5.5]) {
    const { uris, positionX: x, positionY: y, width, height } = await player.getThumbnails(
      track.id,
      wanted,
    );
    const image = new Image();
    image.src = uris[0].split("#")[0];
    await image.decode();
    found.push({ x, y, width, height, sheet: [image.naturalWidth, image.naturalHeight] });
  }
  await player.destroy();
  return { errors, time, thumbnails: found };
}
