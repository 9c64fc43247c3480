// Uploads a file with tus-js-client and tells on standard output how far it is, line by line.
const fs = require("fs");
const tus = require(process.argv[2]);
const options = JSON.parse(process.argv[3]);
const path = process.argv[4];

const upload = new tus.Upload(fs.createReadStream(path), {
  ...options,
  retryDelays: [100, 200, 400, 800, 1600, 3200],
  onProgress: (sent, total) => console.log(`sent ${sent} of ${total}`),
  onChunkComplete: (_, accepted) => console.log(`accepted ${accepted}`),
  onSuccess: (payload) => {
    const job = payload.lastResponse.getHeader("Nearcast-Job");
    console.log(`done ${job} ${upload.url}`);
  },
  onError: (error) => {
    console.error(error.message);
    process.exit(1);
  },
});
upload.start();
