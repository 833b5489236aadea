/** antd's Upload: `customRequest` with the core. */
import { Alert, Button, Upload } from "antd";
import { useState } from "react";
import { PolicySource, uploadFile } from "uppy-upcall";

const policies = new PolicySource("/policy");

/** For `<Upload customRequest={customRequest}>`; files that start together share one policy. */
export function customRequest({ file, onProgress, onSuccess, onError }) {
  const cancelled = new AbortController();
  uploadFile(file, policies, {
    signal: cancelled.signal,
    onProgress: (sent, total) => onProgress({ percent: total === 0 ? 100 : (sent / total) * 100 }),
  })
    .then((outcome) => {
      if (outcome.kind === "accepted") onSuccess(outcome.answer);
      // Also where the file is stored: a green row would promise what the application denied.
      else onError(Object.assign(new Error(say(outcome)), { outcome }), say(outcome));
    })
    .catch((error) => cancelled.signal.aborted || onError(error));
  return { abort: () => cancelled.abort() };
}

function say({ kind, reason, words }) {
  const said = words?.message ?? reason;
  const request = words?.requestId ? ` (request ${words.requestId})` : "";
  const verdict = { storedNotAccepted: "Stored, not accepted", pending: "Stored, not accepted yet" }[kind] ?? "Refused";
  return `${verdict}: ${said}${request}`;
}

export function UpcallUpload(props) {
  const [failure, setFailure] = useState(null);
  const onChange = ({ file }) => {
    if (file.status === "uploading") setFailure(null);
    if (file.status === "error") setFailure(file.error);
  };
  return (
    <>
      <Upload customRequest={customRequest} onChange={onChange} {...props}>
        <Button>Choose files</Button>
      </Upload>
      {failure !== null && (
        <Alert type={failure.outcome && failure.outcome.kind !== "refused" ? "warning" : "error"} title={failure.message} />
      )}
    </>
  );
}
