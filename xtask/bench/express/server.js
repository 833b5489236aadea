// Receives forms as an application does today: Express, multer, its disk storage.
//
// `node server.js FOLDER [APPLICATION]` listens on a free port of the loopback address and says in its
// first line where. Files get multer's random names. Nothing is checked, signed, hashed or synced.
// With the URL of an application it tells that of each file (Node's own `fetch`, whose connections are
// kept) and answers with the JSON that it says.

import express from "express";
import multer from "multer";

const [folder, applicationUrl] = process.argv.slice(2);
const upload = multer({ dest: folder });
const application = express();
application.post("/:bucket/", upload.single("file"), async (request, response) => {
  if (applicationUrl === undefined) {
    response.status(204).end();
    return;
  }
  const { originalname, size, mimetype } = request.file;
  const body = new URLSearchParams({ filename: originalname, size, mimeType: mimetype });
  const answer = await fetch(applicationUrl, { method: "POST", body });
  response.json(await answer.json());
});
const server = application.listen(0, "127.0.0.1", (error) => {
  if (error) {
    throw error;
  }
  console.log(JSON.stringify({ storage: `http://127.0.0.1:${server.address().port}` }));
});
// As the others: a connection is kept until the client closes it.
server.keepAliveTimeout = 0;
server.requestTimeout = 0;
