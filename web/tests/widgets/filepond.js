/** FilePond with the core, as its `process` function. */
import { create } from "filepond";
import { PolicySource, uploadFile } from "uppy-upcall";

const policies = new PolicySource("/policy");
const root = document.getElementById("root");

create(root, {
  labelFileProcessingError: (error) => error.body,
  server: {
    process: (_name, file, _metadata, load, error, progress, abort) => {
      const cancelled = new AbortController();
      const onProgress = (sent, total) => progress(total > 0, sent, total);
      uploadFile(file, policies, { fileName: file.name, onProgress, signal: cancelled.signal })
        .then((outcome) => {
          const { kind, words, reason } = outcome;
          if (kind === "accepted") {
            load(outcome.answer);
            document.body.append(Object.assign(document.createElement("output"), { textContent: `Accepted: ${outcome.answer}` }));
          } else error(`${kind === "storedNotAccepted" ? "Stored, not accepted" : "Refused"}: ${words?.message ?? reason}`);
        })
        .catch((reason) => cancelled.signal.aborted || error(reason.message));
      return { abort: () => (cancelled.abort(), abort()) };
    },
  },
});
