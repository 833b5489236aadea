// Receives forms as an application does today: Express, multer, its disk storage.
//
// `node server.js FOLDER` listens on a free port of the loopback address and says in its first line
// where. Files get multer's random names. Nothing is checked, signed, hashed or synced.

import express from "express";
import multer from "multer";

const upload = multer({ dest: process.argv[2] });
const application = express();
application.post("/:bucket/", upload.single("file"), (request, response) => {
  response.status(204).end();
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
