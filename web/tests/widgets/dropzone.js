/** Dropzone with nothing of ours: `url` and `params` may be functions that are asked for each file. */
import Dropzone from "dropzone";

const root = document.getElementById("root");
root.className = "dropzone";
let signed = null;

new Dropzone(root, {
  url: () => signed.host,
  params: () => ({
    key: `${signed.dir}\${filename}`,
    policy: signed.policy,
    OSSAccessKeyId: signed.accessid,
    success_action_status: "200",
    callback: signed.callback,
    signature: signed.signature,
  }),
  accept: async (_file, done) => {
    signed = await (await fetch("/policy")).json();
    done();
  },
  init() {
    const show = (file) => {
      const { status, responseText } = file.xhr;
      const verdict = { 200: "Accepted", 203: "Stored, not accepted" }[status] ?? "Refused";
      root.append(Object.assign(document.createElement("output"), { textContent: `${verdict}: ${responseText}` }));
    };
    // Any 2xx is a success to Dropzone: 203 is told apart by the status.
    this.on("success", show);
    this.on("error", show);
  },
});
